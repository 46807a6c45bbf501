import { invalidArgument } from "./refusal.ts";

export type Token =
  /** An identifier or keyword; unquoted ones in lower case. */
  | { readonly kind: "name"; readonly text: string; readonly quoted: boolean }
  | { readonly kind: "literal"; readonly text: string }
  | { readonly kind: "symbol"; readonly text: string };

const TOKEN =
  /\s+|--[^\n]*|"((?:[^"]|"")+)"|([A-Za-z_][A-Za-z0-9_$]*)|('(?:[^']|'')*'|\d+(?:\.\d+)?)|([^\s"'])/y;

/** Splits SQL text into tokens; everything except names and literals is a symbol of one character. */
export function tokenize(sql: string): readonly Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (TOKEN.lastIndex < sql.length) {
    const at = TOKEN.lastIndex;
    const match = TOKEN.exec(sql);
    if (match === null) {
      throw invalidArgument(`SQL parse error | Caused by: unterminated text at position ${at}`);
    }
    const [, quoted, name, literal, symbol] = match;
    if (quoted !== undefined) {
      tokens.push({ kind: "name", text: quoted.replaceAll('""', '"'), quoted: true });
    } else if (name !== undefined) {
      tokens.push({ kind: "name", text: name.toLowerCase(), quoted: false });
    } else if (literal !== undefined) {
      tokens.push({ kind: "literal", text: literal });
    } else if (symbol !== undefined) {
      tokens.push({ kind: "symbol", text: symbol });
    }
  }
  return tokens;
}
