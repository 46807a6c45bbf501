/** Lays rows out in columns below their headings; numbers are right-aligned. */
export function textTable(rows: readonly Readonly<Record<string, string>>[]): string {
  const first = rows[0];
  if (first === undefined) {
    return "";
  }
  const headings = Object.keys(first);
  const cells = [headings, ...rows.map((row) => headings.map((heading) => printable(row[heading] ?? "")))];
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
