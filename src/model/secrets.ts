/** A token that was replaced may still be echoed for a while. */
const REMEMBERED = 4;
/** How many code units of a text are searched; the rest of a longer text is not shown. */
const SEARCHED = 65_536;
/** Escaped text may be quoted in other text: how often text is unescaped. */
const ROUNDS = 4;
/** The code units that one character can take when it is escaped that often. */
const LONGEST_ESCAPE = 16;
/** Shorter secrets would be found by chance in unrelated text. */
const SHORTEST_ENCODED = 8;

const ESCAPE =
  /\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|%([0-9a-f]{2})|&#x([0-9a-f]{1,5});|&#(\d{1,6});|&(amp|lt|gt|quot|apos);|\\(["'\\/])/gi;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const MASK = "[token]";

/** A text in another form, and the position of each of its code units, and of its end, in the original. */
interface View {
  readonly text: string;
  readonly at: readonly number[];
}

interface Found {
  readonly from: number;
  readonly to: number;
}

/**
 * The secrets that were recently sent to servers, to be removed from what those servers
 * say: as they are, escaped as in JSON, URLs and HTML, even several times, and in base64
 * or hexadecimal, even as part of a longer text.
 */
export class Secrets {
  #recent: readonly string[] = [];

  /** The same source of secrets, whose values are remembered. */
  watch(source: () => string | null): () => string | null {
    return () => {
      const secret = source();
      if (secret !== null && secret !== "" && this.#recent.at(-1) !== secret) {
        const others = this.#recent.filter((each) => each !== secret);
        this.#recent = [...others, secret].slice(-REMEMBERED);
      }
      return secret;
    };
  }

  /** The text without the secrets. */
  redact(text: string): string {
    let shown = text.slice(0, SEARCHED);
    for (const secret of this.#recent) {
      shown = mask(shown, secret);
    }
    if (text.length <= SEARCHED || this.#recent.length === 0) {
      return this.#recent.length === 0 ? text : shown;
    }
    // A secret across the cut was not found.
    const longest = Math.max(...this.#recent.map((secret) => secret.length * LONGEST_ESCAPE));
    return `${shown.slice(0, Math.max(0, shown.length - longest))}…`;
  }
}

function mask(text: string, secret: string): string {
  const found: Found[] = [];
  let view: View = { text, at: Array.from({ length: text.length + 1 }, (_, i) => i) };
  let wanted = secret;
  for (let round = 0; round <= ROUNDS; round++) {
    found.push(
      ...occurrences(view, secret),
      ...occurrences(view, wanted),
      ...encodedOccurrences(view, secret),
    );
    const next = unescaped(view);
    if (next.text === view.text) {
      break;
    }
    view = next;
    wanted = unescaped({ text: wanted, at: [] }).text; // The secret may itself look escaped.
  }
  return masked(text, found);
}

function occurrences({ text, at }: View, wanted: string): Found[] {
  const found: Found[] = [];
  for (let i = text.indexOf(wanted); i !== -1; i = text.indexOf(wanted, i + 1)) {
    found.push({ from: at[i]!, to: at[i + wanted.length]! });
  }
  return found;
}

/** The secret in base64, in both alphabets, and in hexadecimal. */
function encodedOccurrences({ text, at }: View, secret: string): Found[] {
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const lower = { text: text.toLowerCase(), at };
  const base64 = { text: text.replaceAll("-", "+").replaceAll("_", "/"), at };
  return [
    ...(hex.length < SHORTEST_ENCODED || lower.text.length !== text.length ? [] : occurrences(lower, hex)),
    ...[0, 1, 2]
      .map((offset) => base64Core(bytes, offset))
      .filter((core) => core.length >= SHORTEST_ENCODED)
      .flatMap((core) => occurrences(base64, core))
      .map(({ from, to }) => ({ from: Math.max(0, from - 1), to: to + 1 })), // The neighbouring characters hold some bits of the secret.
  ];
}

/** The part that every base64 text has which holds these bytes at a multiple of three plus `offset`. */
function base64Core(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
  return encoded.slice(Math.ceil((offset * 8) / 6), Math.floor(((offset + bytes.length) * 8) / 6));
}

/** Undoes one round of escaping. */
function unescaped({ text, at }: View): View {
  const parts: string[] = [];
  const positions: number[] = [];
  let done = 0;
  const keep = (until: number) => {
    parts.push(text.slice(done, until));
    for (let i = done; i < until; i++) positions.push(at[i]!);
  };
  for (const match of text.matchAll(ESCAPE)) {
    const [whole, unicode, x, percent, entityHex, entityDecimal, entity, plain] = match;
    keep(match.index);
    const hex = unicode ?? x ?? percent ?? entityHex;
    const code = hex === undefined ? Number(entityDecimal) : Number.parseInt(hex, 16);
    const meant = plain ?? ENTITIES[entity?.toLowerCase() ?? ""] ?? String.fromCodePoint(code);
    parts.push(meant);
    for (let i = 0; i < meant.length; i++) positions.push(at[match.index]!);
    done = match.index + whole.length;
  }
  keep(text.length);
  positions.push(at[text.length]!);
  return { text: parts.join(""), at: positions };
}

function masked(text: string, found: readonly Found[]): string {
  let result = "";
  let done = 0;
  for (const { from, to } of found.toSorted((a, b) => a.from - b.from)) {
    if (from >= done) {
      result += text.slice(done, from) + MASK;
    }
    done = Math.max(done, to);
  }
  return result + text.slice(done);
}
