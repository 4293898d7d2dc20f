// Where two strings differ, character by character.

/** Above so many comparisons the middle is marked as a whole. */
const MOST = 2_000_000;

/**
 * Both strings as runs of `[text, same]`. The longest common subsequence of what
 * lies between the common beginning and the common end.
 */
export function difference(left, right) {
  const [a, b] = [[...left], [...right]];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start += 1;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end += 1;
  const [x, y] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const kept = x.length * y.length > MOST ? { x: new Set(), y: new Set() } : common(x, y);
  const whole = (all, middle, same) => runs([...all.slice(0, start).map((c) => [c, true]), ...middle.map((c, place) => [c, same.has(place)]), ...all.slice(all.length - end).map((c) => [c, true])]);
  return [whole(a, x, kept.x), whole(b, y, kept.y)];
}

/** The places of a longest common subsequence. */
function common(x, y) {
  const width = y.length + 1;
  const length = new Uint16Array((x.length + 1) * width);
  for (let i = x.length - 1; i >= 0; i -= 1) {
    for (let j = y.length - 1; j >= 0; j -= 1) {
      length[i * width + j] = x[i] === y[j] ? length[(i + 1) * width + j + 1] + 1 : Math.max(length[(i + 1) * width + j], length[i * width + j + 1]);
    }
  }
  const kept = { x: new Set(), y: new Set() };
  for (let i = 0, j = 0; i < x.length && j < y.length; ) {
    if (x[i] === y[j]) {
      kept.x.add(i);
      kept.y.add(j);
      i += 1;
      j += 1;
    } else if (length[(i + 1) * width + j] >= length[i * width + j + 1]) i += 1;
    else j += 1;
  }
  return kept;
}

function runs(characters) {
  const out = [];
  for (const [character, same] of characters) {
    const last = out.at(-1);
    if (last && last[1] === same) last[0] += character;
    else out.push([character, same]);
  }
  return out;
}
