/**
 * A value that came from a server, or from a record, and goes back exactly as it came: a string as it is, any other value
 * as the text that stood in the answer. As JSON this is also how it is stored: PostgreSQL's jsonb would reorder an object
 * and write 1e2 as 100, and JavaScript would round what has more than 53 bits.
 */
export type Token = string | { readonly json: string };

/** The token of a JSON text. */
export function tokenOf(json: string): Token {
  return json.startsWith('"') ? String(JSON.parse(json)) : { json };
}

/** As it stands in a query. */
export function plainText(token: Token): string {
  return typeof token === "string" ? token : token.json;
}

/** As it stands in a JSON document. */
export function jsonText(token: Token): string {
  return typeof token === "string" ? JSON.stringify(token) : token.json;
}
