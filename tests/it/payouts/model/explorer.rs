//! Looks at every world that can be reached, nearest first.
//!
//! The `stateright` crate does the same and more, and brings a web server and
//! second versions of four crates into the tree; what is needed of it is this.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};

use super::laws::{Broken, ends_well};
use super::moves::{Model, Move};
use super::world::World;

/// What was looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    pub worlds: usize,
    pub moves: usize,
    pub endings: usize,
}

/// The shortest way to a broken law.
pub struct Counterexample {
    pub broken: Broken,
    pub way: Vec<Move>,
}

impl fmt::Display for Counterexample {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "not so: {}", self.broken.law)?;
        for made in &self.way {
            writeln!(f, "    {made:?}")?;
        }
        write!(f, "{}", self.broken.how)
    }
}

fn print(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

/// Explores all of it.
pub fn explore(model: &Model<'_>, start: World) -> Result<Seen, Box<Counterexample>> {
    let mut seen = Seen::default();
    // Worlds are known by 64 bits of them: among ten million, two are confused
    // with a chance of one in three hundred thousand.
    let mut from: HashMap<u64, Option<(u64, Move)>> = HashMap::from([(print(&start), None)]);
    let mut endings = HashSet::new();
    let mut queue = VecDeque::from([start]);
    while let Some(world) = queue.pop_front() {
        let here = print(&world);
        seen.worlds += 1;
        for row in &world.rows {
            for balance in [world.balance, 2] {
                if endings.insert(print(&(row, world.now, balance)))
                    && let Err(broken) = ends_well(model, row, world.now, balance)
                    && model.heeds(&broken)
                {
                    return Err(Box::new(Counterexample { broken, way: way(&from, here) }));
                }
            }
        }
        for made in model.moves(&world) {
            seen.moves += 1;
            let next = model.after(&world, made).map_err(|broken| {
                let mut way = way(&from, here);
                way.push(made);
                Box::new(Counterexample { broken, way })
            })?;
            let Some(next) = next else { continue };
            if let Entry::Vacant(place) = from.entry(print(&next)) {
                place.insert(Some((here, made)));
                queue.push_back(next);
            }
        }
    }
    seen.endings = endings.len();
    Ok(seen)
}

fn way(from: &HashMap<u64, Option<(u64, Move)>>, to: u64) -> Vec<Move> {
    let mut way = vec![];
    let mut at = to;
    while let Some(Some((before, made))) = from.get(&at) {
        way.push(*made);
        at = *before;
    }
    way.reverse();
    way
}
