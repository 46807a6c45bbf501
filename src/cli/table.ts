/** Lays rows out in columns, headings first; numbers stand to the right. */
export function textTable(rows: readonly Readonly<Record<string, string>>[]): string {
  const first = rows[0];
  if (first === undefined) {
    return "";
  }
  const headings = Object.keys(first);
  const cells = [headings, ...rows.map((row) => headings.map((heading) => row[heading] ?? ""))];
  const widths = headings.map((_, column) => Math.max(...cells.map((row) => row[column]?.length ?? 0)));
  const isNumber = headings.map((heading) => rows.every((row) => /^[\d,.–-]*$/.test(row[heading] ?? "")));
  return cells
    .map((row) =>
      row
        .map((cell, column) =>
          isNumber[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

/** 1234567 → 1,234,567; null → –. */
export function count(value: bigint | number | null): string {
  return value === null
    ? "–"
    : (typeof value === "number" ? Math.round(value) : value).toLocaleString("en-US");
}
