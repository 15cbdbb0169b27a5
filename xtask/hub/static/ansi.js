// Text with the colours of a terminal, as elements. Only text is ever made of it: what it contains cannot become markup.

const ESCAPE = /\x1b(?:\[([0-9;:]*)([A-Za-z])|\][^\x07\x1b]*(?:\x07|\x1b\\)|[()][A-Za-z0-9]|[=>78])/g;
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/g;
/** The six steps of each channel in the palette of 256 colours, as 0 or 1. */
const STEPS = [0, 0, 0, 1, 1, 1];

/** Parts of a text: `[{ text, classes }]`, where classes are of `fg-0` to `fg-15`, `bg-0` to `bg-15`, `bold`, `dim`, `italic`, `underline`. */
export function parts(text) {
  const found = [];
  let style = {};
  let last = 0;
  const push = (piece) => {
    const clean = piece.replaceAll("\r\n", "\n").replace(CONTROL, "");
    if (clean) found.push({ text: clean, classes: classesOf(style) });
  };
  for (const match of text.matchAll(ESCAPE)) {
    push(text.slice(last, match.index));
    last = match.index + match[0].length;
    if (match[2] === "m") style = apply(style, match[1]);
  }
  push(text.slice(last));
  return found;
}

/** The text as nodes. */
export function paint(text) {
  const fragment = document.createDocumentFragment();
  for (const part of parts(text)) {
    if (part.classes.length === 0) {
      fragment.append(part.text);
      continue;
    }
    const span = document.createElement("span");
    span.className = part.classes.join(" ");
    span.textContent = part.text;
    fragment.append(span);
  }
  return fragment;
}

/** The text alone. */
export function plain(text) {
  return parts(text).map((part) => part.text).join("");
}

function classesOf({ fg, bg, ...flags }) {
  const classes = Object.keys(flags).filter((flag) => flags[flag]);
  if (fg !== undefined) classes.push(`fg-${fg}`);
  if (bg !== undefined) classes.push(`bg-${bg}`);
  return classes;
}

function apply(style, list) {
  const codes = (list === "" ? "0" : list).split(/[;:]/).map(Number);
  let next = { ...style };
  for (let index = 0; index < codes.length; index += 1) {
    const code = codes[index];
    if (code === 0) next = {};
    else if (code === 1) next.bold = true;
    else if (code === 2) next.dim = true;
    else if (code === 3) next.italic = true;
    else if (code === 4) next.underline = true;
    else if (code === 22) next.bold = next.dim = false;
    else if (code === 23) next.italic = false;
    else if (code === 24) next.underline = false;
    else if (code >= 30 && code <= 37) next.fg = code - 30;
    else if (code >= 90 && code <= 97) next.fg = code - 90 + 8;
    else if (code === 39) next.fg = undefined;
    else if (code >= 40 && code <= 47) next.bg = code - 40;
    else if (code >= 100 && code <= 107) next.bg = code - 100 + 8;
    else if (code === 49) next.bg = undefined;
    else if (code === 38 || code === 48) {
      const [colour, used] = extended(codes.slice(index + 1));
      next[code === 38 ? "fg" : "bg"] = colour;
      index += used;
    }
  }
  return next;
}

/** The nearest of the sixteen to a colour of the larger palettes, and how many codes it took. */
function extended([kind, ...rest]) {
  if (kind === 5) return [ofPalette(rest[0] ?? 0), 2];
  if (kind === 2) return [nearest(rest.slice(0, 3).map((channel) => (channel > 127 ? 1 : 0)), Math.max(...rest.slice(0, 3)) > 200), 4];
  return [undefined, 1];
}

function ofPalette(number) {
  if (number < 16) return number;
  if (number >= 232) return number < 244 ? 8 : 7;
  const cube = number - 16;
  const channels = [Math.floor(cube / 36), Math.floor(cube / 6) % 6, cube % 6];
  return nearest(channels.map((channel) => STEPS[channel]), Math.max(...channels) === 5);
}

function nearest([red, green, blue], bright) {
  return (red | (green << 1) | (blue << 2)) + (bright ? 8 : 0);
}
