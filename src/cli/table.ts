type Row = Readonly<Record<string, string>>;

export interface TableOptions {
  /** In characters; Infinity for as wide as it gets. */
  readonly width: number;
  /** Columns that are left out where the width does not do, the first one first. */
  readonly optional: readonly string[];
}

const GAP = "  ";
const UNITS = [
  { name: "T", size: 1e12 },
  { name: "G", size: 1e9 },
  { name: "M", size: 1e6 },
] as const;
const ROUNDED_FROM = 1e7;
/** A name that is cut keeps so much of it, at least. */
const SHORTEST_NAME = 8;

/**
 * Lays rows out in columns below their headings; numbers are right-aligned. What is too wide loses optional columns,
 * then the middle of the longest names in its first column.
 */
export function textTable(
  rows: readonly Row[],
  { width, optional }: TableOptions = { width: Number.POSITIVE_INFINITY, optional: [] },
): string {
  const first = rows[0];
  if (first === undefined) {
    return "";
  }
  const left = [...optional];
  let headings = Object.keys(first);
  let widths = widthsOf(headings, rows);
  while (total(widths) > width && left.length > 0) {
    const dropped = left.shift();
    headings = headings.filter((heading) => heading !== dropped);
    widths = widthsOf(headings, rows);
  }
  widths[0] = Math.max(Math.min(SHORTEST_NAME, widths[0]!), widths[0]! - Math.max(0, total(widths) - width));
  const isNumber = headings.map((heading) =>
    rows.every((row) => /^([\d,.–-]+[TGM]?)?$/.test(row[heading] ?? "")),
  );
  const cells = [headings, ...rows.map((row) => headings.map((heading) => printable(row[heading] ?? "")))];
  return cells
    .map((row) =>
      row
        .map((cell, column) => {
          const room = widths[column] ?? 0;
          return isNumber[column] ? cell.padStart(room) : shortened(cell, room).padEnd(room);
        })
        .join(GAP)
        .trimEnd(),
    )
    .join("\n");
}

function widthsOf(headings: readonly string[], rows: readonly Row[]): number[] {
  return headings.map((heading) =>
    Math.max(heading.length, ...rows.map((row) => printable(row[heading] ?? "").length)),
  );
}

function total(widths: readonly number[]): number {
  return widths.reduce((sum, each) => sum + each, (widths.length - 1) * GAP.length);
}

/** Without its middle, where it is longer: names often differ at both ends. */
function shortened(text: string, length: number): string {
  const tail = Math.floor((length - 1) / 2);
  return text.length <= length
    ? text
    : `${text.slice(0, length - 1 - tail)}…${text.slice(text.length - tail)}`;
}

/** Text in lines of a width, each with an indent. What has no blanks in it stays in one piece. */
export function wrapped(text: string, width: number, indent: string): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && indent.length + line.length + 1 + word.length > width) {
      lines.push(indent + line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, indent + line].join("\n");
}

/** 1234567 → 1,234,567; null → –. */
export function count(value: bigint | number | null): string {
  return value === null
    ? "–"
    : (typeof value === "number" ? Math.round(value) : value).toLocaleString("en-US");
}

/** As count; of ten million and more three digits: 12,345,678 → 12.3M. */
export function roundCount(value: bigint | number | null): string {
  const number = Number(value ?? 0);
  const unit = UNITS.find(({ size }) => number >= size);
  if (unit === undefined || number < ROUNDED_FROM) return count(value);
  const amount = number / unit.size;
  const digits = amount < 10 ? 2 : amount < 100 ? 1 : 0;
  return `${(Math.floor(amount * 10 ** digits) / 10 ** digits).toFixed(digits)}${unit.name}`;
}

/** 273 → 4m 33s; the two greatest units; null → –. */
export function duration(seconds: number | null): string {
  if (seconds === null) {
    return "–";
  }
  const whole = Math.round(seconds);
  const [days, hours, minutes] = [whole / 86_400, (whole / 3_600) % 24, (whole / 60) % 60].map(Math.floor);
  if (days) {
    return `${days}d ${hours}h`;
  }
  if (hours) {
    return `${hours}h ${minutes}m`;
  }
  return minutes ? `${minutes}m ${whole % 60}s` : `${whole}s`;
}

/** Shows control characters as escapes: the text of a server must not control the terminal. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the characters to replace.
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return `\\u${code.toString(16).padStart(4, "0")}`;
  });
}
