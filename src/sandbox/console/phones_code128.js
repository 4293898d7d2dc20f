// Code 128 of digits (ISO/IEC 15417, character set C): two digits a symbol.

import { svg } from "./dom.js";

// Widths of bars and gaps by value, from 0; the last four are Start A, B, C and Stop.
const WIDTHS = (
  "212222 222122 222221 121223 121322 131222 122213 122312 132212 221213 221312 231212 112232 122132 122231 113222 " +
  "123122 123221 223211 221132 221231 213212 223112 312131 311222 321122 321221 312212 322112 322211 212123 212321 " +
  "232121 111323 131123 131321 112313 132113 132311 211313 231113 231311 112133 112331 132131 113123 113321 133121 " +
  "313121 211331 231131 213113 213311 213131 311123 311321 331121 312113 312311 332111 314111 221411 431111 111224 " +
  "111422 121124 121421 141122 141221 112214 112412 122114 122411 142112 142211 241211 221114 413111 241112 134111 " +
  "111242 121142 121241 114212 124112 124211 411212 421112 421211 212141 214121 412121 111143 111341 131141 114113 " +
  "114311 411113 411311 113141 114131 311141 411131 211412 211214 211232 2331112"
).split(" ");
const START_C = 105;
const STOP = 106;

/** Widths of bars and gaps in turn, beginning with a bar, in modules. An even number of digits. */
export function code128(digits) {
  const pairs = digits.match(/../g) ?? [];
  const values = [START_C, ...pairs.map(Number)];
  const check = values.reduce((sum, value, position) => sum + value * Math.max(position, 1), 0) % 103;
  return [...values, check, STOP].flatMap((value) => [...WIDTHS[value]].map(Number));
}

/** The bars as a picture, with the quiet zone of ten modules on each side. */
export function barcode(digits) {
  const widths = code128(digits);
  let x = 10;
  let bars = "";
  widths.forEach((width, position) => {
    if (position % 2 === 0) bars += `M${x} 0h${width}v40h-${width}z`;
    x += width;
  });
  return svg("svg", { viewBox: `0 0 ${x + 10} 40`, class: "ph-barcode", preserveAspectRatio: "none", role: "img", "aria-label": digits, "shape-rendering": "crispEdges", dataset: { test: "barcode" } }, svg("rect", { width: x + 10, height: 40, fill: "#ffffff" }), svg("path", { d: bars, fill: "#000000" }));
}
