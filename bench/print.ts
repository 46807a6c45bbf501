import type { Figures } from "./figures.ts";
import { machine } from "./machine.ts";

/** What a benchmark found. */
export interface Report {
  /** The options it ran with, and versions of what it used. */
  readonly about?: Figures;
  /** One column of the table each. */
  readonly cases: readonly Figures[];
}

/** One JSON object, in which a single case has no level of its own; or a table for people, as Markdown. */
export function print(bench: string, { about, cases }: Report, asJson: boolean): void {
  const setting = { bench, ...machine(), ...about };
  if (asJson) {
    console.log(JSON.stringify(cases.length === 1 ? { ...setting, ...cases[0] } : { ...setting, cases }));
    return;
  }
  console.log(
    Object.entries(setting)
      .map(([name, value]) => `${name} ${value}`)
      .join(" · "),
  );
  const names = [...new Set(cases.flatMap((figures) => Object.keys(figures)))];
  const rows = names.map((name) => [name, ...cases.map((figures) => text(figures[name]))]);
  const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)));
  const line = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  for (const [at, row] of rows.entries()) {
    console.log(
      line(
        row.map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!))),
      ),
    );
    if (at === 0) console.log(line(widths.map((width) => "-".repeat(width))));
  }
}

function text(value: Figures[string] | undefined): string {
  return value === undefined ? "" : Array.isArray(value) ? value.join(" ") : String(value);
}
