/** How a cursor is dressed. Whoever sends one back has to send exactly the text that was given. */
export type TokenForm = "plain" | "hostile" | "number" | "array" | "object" | "url";

interface Dress {
  /** The JSON text of the token. */
  readonly give: (cursor: string, origin: string) => string;
  /** The cursor in what came back: a string as it is, anything else as its JSON text; null: it was changed. */
  readonly take: (sent: string) => string | null;
}

/** Everything that an encoding of URLs can lose. */
const HOSTILE = '+/=&%2B#?;, "\\é\u{1f980}';
const OBJECT = ['{"z":1e2,"token":"', '","a":[1.10,true],"z":null}'] as const;
const ARRAY = ['["', '",1e2,12345678901234567890123]'] as const;

export const DRESSES: Readonly<Record<TokenForm, Dress>> = {
  plain: { give: (cursor) => JSON.stringify(cursor), take: (sent) => sent },
  hostile: {
    give: (cursor) => JSON.stringify(`${cursor}${HOSTILE}`),
    take: (sent) => between(sent, "", HOSTILE),
  },
  number: { give: (cursor) => numberOf(cursor), take: cursorOf },
  array: { give: (cursor) => ARRAY.join(cursor), take: (sent) => between(sent, ...ARRAY) },
  object: { give: (cursor) => OBJECT.join(cursor), take: (sent) => between(sent, ...OBJECT) },
  url: {
    give: (cursor, origin) => JSON.stringify(`${origin}/api/v1/events?cursor=${cursor}`),
    take: (sent) => sent.split("cursor=")[1] ?? null,
  },
};

function between(text: string, before: string, after: string): string | null {
  const isWhole =
    text.startsWith(before) && text.endsWith(after) && text.length > before.length + after.length;
  return isWhole ? text.slice(before.length, text.length - after.length) : null;
}

/** The bytes of the cursor as one whole number, far beyond 2^53; the 1 before them keeps leading zeros. */
function numberOf(cursor: string): string {
  return BigInt(`0x1${Buffer.from(cursor).toString("hex")}`).toString();
}

function cursorOf(digits: string): string | null {
  if (!/^\d+$/.test(digits)) return null;
  return Buffer.from(BigInt(digits).toString(16).slice(1), "hex").toString();
}
