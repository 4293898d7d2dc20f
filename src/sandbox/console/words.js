// Two languages, money and time as people read them.

const remembered = (name) => {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
};

let language = remembered("hongbao.lang") ?? ((navigator.language ?? "").toLowerCase().startsWith("zh") ? "zh" : "en");

/** The language of the page: "en" or "zh". */
export const lang = () => language;

/** Chooses a language and remembers it. */
export function choose(lang) {
  language = lang;
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
  try {
    localStorage.setItem("hongbao.lang", lang);
  } catch {
    // A browser that keeps nothing asks again.
  }
}

/** One of two texts, by the language. Takes `{en, zh}` too. */
export function t(en, zh) {
  if (typeof en === "object" && en !== null) return en[language] ?? en.en;
  return language === "zh" ? zh : en;
}

/** Fen as yuan with two decimals: 188 is "1.88", 1000000 is "10,000.00". */
export function yuan(fen) {
  const sign = fen < 0 ? "-" : "";
  const whole = Math.abs(fen);
  return `${sign}${Math.floor(whole / 100).toLocaleString("en-US")}.${String(whole % 100).padStart(2, "0")}`;
}

const BEIJING = 8 * 3600_000;
const two = (number) => String(number).padStart(2, "0");

/** Beijing time: "2025-03-18 12:00:00". */
export function beijing(ms) {
  const date = new Date(ms + BEIJING);
  const day = `${date.getUTCFullYear()}-${two(date.getUTCMonth() + 1)}-${two(date.getUTCDate())}`;
  return `${day} ${two(date.getUTCHours())}:${two(date.getUTCMinutes())}:${two(date.getUTCSeconds())}`;
}

/** Beijing time of day: "12:00:00". */
export const time = (ms) => beijing(ms).slice(11);

/** How long ago or ahead, in words. */
export function ago(ms, now) {
  const seconds = Math.round(Math.abs(now - ms) / 1000);
  const [number, en, zh] =
    seconds < 60 ? [seconds, "s", "秒"] : seconds < 3600 ? [Math.round(seconds / 60), "min", "分钟"] : seconds < 172_800 ? [Math.round(seconds / 3600), "h", "小时"] : [Math.round(seconds / 86_400), "d", "天"];
  if (ms > now) return t(`in ${number} ${en}`, `${number}${zh}后`);
  return seconds < 2 ? t("now", "刚刚") : t(`${number} ${en} ago`, `${number}${zh}前`);
}

/** A duration in words: 93784000 is "1 d 2 h". */
export function duration(ms) {
  const parts = [[86_400_000, "d", "天"], [3_600_000, "h", "小时"], [60_000, "min", "分钟"], [1000, "s", "秒"]];
  let rest = Math.max(0, ms);
  const words = [];
  for (const [size, en, zh] of parts) {
    const number = Math.floor(rest / size);
    rest -= number * size;
    if (number > 0 && words.length < 2) words.push(t(`${number} ${en}`, `${number}${zh}`));
  }
  return words.join(t(" ", "")) || t("0 s", "0秒");
}
