/** Rows of COPY in its text format, told apart by their first field: the key of the instance that each belongs to. */
export type LinesByKey = ReadonlyMap<string, readonly string[]>;

const NULL_FIELD = "\\N";
const ESCAPED: Readonly<Record<string, string>> = {
  b: "\b",
  f: "\f",
  n: "\n",
  r: "\r",
  t: "\t",
  v: "\v",
};

/** The lines without that field, in their order. No value holds a tab or a line break that is not escaped. */
export function linesByKey(copy: string): LinesByKey {
  const lines = new Map<string, string[]>();
  for (let from = 0; from < copy.length; ) {
    const end = copy.indexOf("\n", from);
    const tab = copy.indexOf("\t", from);
    const key = fieldOf(copy.slice(from, tab)) ?? "";
    const before = lines.get(key);
    const line = copy.slice(tab + 1, end + 1);
    if (before === undefined) lines.set(key, [line]);
    else before.push(line);
    from = end + 1;
  }
  return lines;
}

/** The lines of these keys. Those of several keys are in the order of the keys. */
export function linesOf(lines: LinesByKey, keys: Iterable<string>): string {
  const parts: string[] = [];
  for (const key of keys) parts.push(...(lines.get(key) ?? []));
  return parts.join("");
}

/** Lines as objects of JSON, whose values are null or strings. */
export function rowsOf(copy: string, columns: readonly string[]): string[] {
  const lines = copy.split("\n");
  lines.pop(); // Behind the last line break.
  return lines.map((line) => {
    const fields = line.split("\t");
    return JSON.stringify(Object.fromEntries(columns.map((column, n) => [column, fieldOf(fields[n]!)])));
  });
}

function fieldOf(text: string): string | null {
  if (text === NULL_FIELD) return null;
  return text.includes("\\") ? text.replace(/\\(.)/g, (_, char: string) => ESCAPED[char] ?? char) : text;
}
