/** A token that was replaced may still be echoed for a while. */
const REMEMBERED = 4;
/** How many code units of a text are searched for secrets of ours; the rest of a longer text is not shown. */
const SEARCHED = 65_536;
/** The same where there is none: what others have is found much faster. */
const SEARCHED_FOR_OTHERS = 1_048_576;
/** The longest that the patterns of others can be. */
const LONGEST_OF_OTHERS = 1_100;
/** Escaped text may be quoted in other text: how often text is unescaped. */
const ROUNDS = 4;
/** The code units that one character can take when it is escaped that often. */
const LONGEST_ESCAPE = 16;
/**
 * Shorter secrets would be found by chance in unrelated text: encoded, and in the middle of words, which would then tell
 * what they are. So does any secret that is a word; but one that is shown is worse than one that can be guessed.
 */
const SHORTEST_ANYWHERE = 4;

const ESCAPE =
  /\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|%([0-9a-f]{2})|&#x([0-9a-f]{1,5});|&#(\d{1,6});|&(amp|lt|gt|quot|apos);|\\(["'\\/])|\\([nrtbf])|(''|"")/gi;
const ENTITIES: Readonly<Record<string, string>> = { amp: "&", lt: "<", gt: ">", quot: '"', apos: "'" };
const CONTROLS: Readonly<Record<string, string>> = { n: "\n", r: "\r", t: "\t", b: "\b", f: "\f" };
const WORD = /[\p{L}\p{N}_]/u;

/**
 * Passwords of others, in the forms in which programs show how they connect. What looks like a port is none. All is
 * bounded, because the text may be made to take long.
 */
const IN_ADDRESS = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/[^\s:/@]{0,256}:)(?!\d{1,5}\/)\S{1,512}(@)/gi;
const AFTER_NAME =
  /((?:passw(?:or)?d|passphrase)["']?\s{0,8}(?:=|(?<=["']\s{0,8}):)\s{0,8})("(?:[^"\\]|\\.){0,1024}"|'(?:[^'\\]|''|\\.){0,1024}'|[^\s,;&"')}\]]{1,1024})/gi;

/** Of what tokens are signed with, at least: as long as the hash of HS256, which a shorter one would weaken. */
export const SECRET_BYTES = 32;

/** What is shown instead. */
type Mask = "[token]" | "[password]" | "[secret]";

interface Secret {
  readonly text: string;
  readonly mask: Mask;
}

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
 * The secrets of this process, to be removed from what servers and libraries say: as they are, escaped as in JSON,
 * URLs, HTML and SQL, even several times, and in base64 or hexadecimal, even as part of a longer text. Beside them
 * whatever stands in a text where others have their passwords.
 */
export class Secrets {
  #kept: readonly Secret[] = [];
  /** Those that each source recently gave, to be sent to servers. */
  #recent: readonly { readonly mask: Mask; texts: readonly string[] }[] = [];

  /** Secrets that do not change. */
  keep(mask: Mask, texts: readonly (string | null)[]): void {
    const added = texts.flatMap((text) => (text === null || text === "" ? [] : [{ text, mask }]));
    this.#kept = [...this.#kept, ...added];
  }

  /** The same source of secrets, whose values are remembered. */
  watch(source: () => string | null, mask: Mask = "[token]"): () => string | null {
    const recent = { mask, texts: [] as readonly string[] };
    this.#recent = [...this.#recent, recent];
    return () => {
      const secret = source();
      if (secret !== null && secret !== "" && recent.texts.at(-1) !== secret) {
        const others = recent.texts.filter((each) => each !== secret);
        recent.texts = [...others, secret].slice(-REMEMBERED);
      }
      return secret;
    };
  }

  /** The text without the secrets. */
  redact(text: string): string {
    const recent = this.#recent.flatMap(({ mask, texts }) => texts.map((each) => ({ text: each, mask })));
    const known = [...this.#kept, ...recent];
    const searched = known.length === 0 ? SEARCHED_FOR_OTHERS : SEARCHED;
    let shown = text.slice(0, searched);
    for (const secret of known.toSorted((a, b) => b.text.length - a.text.length)) {
      shown = masked(shown, secret);
    }
    shown = shown.replace(IN_ADDRESS, "$1[password]$2").replace(AFTER_NAME, "$1[password]");
    if (text.length <= searched) {
      return shown;
    }
    // A secret across the cut was not found.
    const longest = Math.max(
      LONGEST_OF_OTHERS,
      ...known.map((secret) => secret.text.length * LONGEST_ESCAPE),
    );
    return `${shown.slice(0, Math.max(0, shown.length - longest))}…`;
  }
}

/** Whether a text has this secret in it, in any of the forms that `Secrets` finds. */
export function holdsSecret(text: string, secret: string): boolean {
  return foundIn(text, secret).length > 0;
}

function masked(text: string, { text: secret, mask }: Secret): string {
  return covered(text, foundIn(text, secret), mask);
}

function foundIn(text: string, secret: string): readonly Found[] {
  const found: Found[] = [];
  let view: View = { text, at: Array.from({ length: text.length + 1 }, (_, i) => i) };
  let wanted = secret;
  const bytewise = Buffer.from(secret).toString("latin1"); // As it reads where its bytes were escaped.
  for (let round = 0; round <= ROUNDS; round++) {
    found.push(
      ...occurrences(view, secret),
      ...occurrences(view, bytewise),
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
  return found;
}

function occurrences({ text, at }: View, wanted: string): Found[] {
  const found: Found[] = [];
  for (let i = text.indexOf(wanted); i !== -1; i = text.indexOf(wanted, i + 1)) {
    const end = i + wanted.length;
    if (wanted.length >= SHORTEST_ANYWHERE || !(joins(text, i) || joins(text, end))) {
      found.push({ from: at[i]!, to: at[end]! });
    }
  }
  return found;
}

/** Whether a position lies within a word. */
function joins(text: string, position: number): boolean {
  return WORD.test(text.charAt(position - 1)) && WORD.test(text.charAt(position));
}

/** The secret in base64, in both alphabets, and in hexadecimal. */
function encodedOccurrences({ text, at }: View, secret: string): Found[] {
  if (secret.length < SHORTEST_ANYWHERE) return [];
  const bytes = Buffer.from(secret);
  const hex = bytes.toString("hex");
  const lower = { text: text.toLowerCase(), at };
  const base64 = { text: text.replaceAll("-", "+").replaceAll("_", "/"), at };
  return [
    ...(lower.text.length === text.length ? occurrences(lower, hex) : []),
    ...[0, 1, 2]
      .map((offset) => base64Core(bytes, offset))
      .filter((core) => core.length >= SHORTEST_ANYWHERE)
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
    const [whole, unicode, x, percent, entityHex, entityDecimal, entity, plain, control, doubled] = match;
    keep(match.index);
    const hex = unicode ?? x ?? percent ?? entityHex;
    const code = hex === undefined ? Number(entityDecimal) : Number.parseInt(hex, 16);
    const meant =
      plain ??
      doubled?.charAt(0) ??
      CONTROLS[control?.toLowerCase() ?? ""] ??
      ENTITIES[entity?.toLowerCase() ?? ""] ??
      String.fromCodePoint(code);
    parts.push(meant);
    for (let i = 0; i < meant.length; i++) positions.push(at[match.index]!);
    done = match.index + whole.length;
  }
  keep(text.length);
  positions.push(at[text.length]!);
  return { text: parts.join(""), at: positions };
}

function covered(text: string, found: readonly Found[], mask: Mask): string {
  let result = "";
  let done = 0;
  for (const { from, to } of found.toSorted((a, b) => a.from - b.from)) {
    if (from >= done) {
      result += text.slice(done, from) + mask;
    }
    done = Math.max(done, to);
  }
  return result + text.slice(done);
}
