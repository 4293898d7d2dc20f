//! Sandboxes in the process: how many start in a second on one thread, beside
//! what the crypto library takes for the same keys alone.
//!
//! A sandbox has a CA and two merchant entities, so three key pairs and three
//! certificates. Both sides take turns, so that a noisy machine is noisy for
//! both; the table shows medians over the rounds.

use std::hint::black_box;
use std::time::{Duration, Instant};

use hongbao::sandbox::Sandbox;
use rcgen::KeyPair;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROUNDS: usize = 15;
const ROUND: Duration = Duration::from_millis(400);
/// A CA and two entities.
const KEYS: usize = 3;

fn main() -> Result<(), Failure> {
    // `cargo test --benches` wants to see that it runs, not how fast.
    let quick = !std::env::args().any(|argument| argument == "--bench");
    let (rounds, round) = if quick { (1, Duration::from_millis(20)) } else { (ROUNDS, ROUND) };
    let noon = "2025-03-18 12:00:00".parse()?;
    let mut rates = [const { Vec::new() }; 4];
    for _ in 0..rounds {
        rates[0].push(rate(round, || Ok(Sandbox::new().map(drop)?))?);
        rates[1].push(rate(round, || Ok(Sandbox::builder().seed(7).frozen_at(noon).build().map(drop)?))?);
        rates[2].push(rate(round, || {
            let sandbox = Sandbox::new()?;
            sandbox.client(&sandbox.merchants().remove(0))?;
            Ok(())
        })?);
        rates[3].push(rate(round, || {
            for _ in 0..KEYS {
                black_box(KeyPair::generate()?);
            }
            Ok(())
        })?);
    }
    println!("{:>12}  {:>14}  {:>13}  {:>12}", "sandboxes/s", "with a seed/s", "and client/s", "keys alone/s");
    let [new, seeded, client, keys] = rates.map(median);
    println!("{new:>12.0}  {seeded:>14.0}  {client:>13.0}  {keys:>12.0}");
    Ok(())
}

/// How often something can be done in a second.
fn rate(round: Duration, mut once: impl FnMut() -> Result<(), Failure>) -> Result<f64, Failure> {
    let started = Instant::now();
    let mut done = 0_u32;
    while started.elapsed() < round {
        once()?;
        done += 1;
    }
    Ok(f64::from(done) / started.elapsed().as_secs_f64())
}

fn median(mut rates: Vec<f64>) -> f64 {
    rates.sort_by(f64::total_cmp);
    rates[rates.len() / 2]
}
