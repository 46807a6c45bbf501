import { invalidArgument } from "./refusal.ts";
import { type Token, tokenize } from "./sql-tokens.ts";

/** The operations that a stream cannot do, by the servers' names for them, the outermost of a plan first. */
const NON_INCREMENTAL = ["Limit", "Sort", "Distinct", "Aggregate"] as const;
export type NonIncremental = (typeof NON_INCREMENTAL)[number];

export type SelectItem =
  | { readonly kind: "all" }
  | { readonly kind: "column"; readonly name: string }
  | { readonly kind: "aggregate"; readonly name: string; readonly argument: string };

/** Blocks `from..to`, both inclusive; null if there is no such bound. */
export interface BlockFilter {
  readonly from: bigint | null;
  readonly to: bigint | null;
}

/** What the server understands of a statement. */
export interface SqlQuery {
  readonly select: readonly SelectItem[];
  /** Schema part (a dataset reference) and table. */
  readonly schema: string;
  readonly table: string;
  readonly nonIncremental: NonIncremental | null;
  /** The first column of `ORDER BY` is `_block_num`, in whose order rows come anyway. */
  readonly ordersByBlock: boolean;
  /** The blocks of the `WHERE` clause; null if all blocks are requested. */
  readonly blocks: BlockFilter | null;
  /** The value of `SETTINGS stream`; null if it is not set. */
  readonly streamSetting: boolean | null;
}

const BLOCK_NUM = "_block_num";

/** Keywords that end the clause before them, with the operation they stand for. */
const TAIL_CLAUSES: Readonly<Record<string, NonIncremental>> = {
  group: "Aggregate",
  order: "Sort",
  limit: "Limit",
  offset: "Limit",
};

/** Parses `SELECT … FROM schema.table [WHERE …] [GROUP BY …] [ORDER BY …] [LIMIT …] [SETTINGS …]`. */
export function parseQuery(sql: string): SqlQuery {
  const tokens = new TokenReader(tokenize(sql));
  if (tokens.atEnd()) {
    throw invalidArgument("SQL parse error | Caused by: the statement is blank");
  }
  const found = new Set<NonIncremental>();
  tokens.expectKeyword("select");
  if (tokens.skipKeyword("distinct")) found.add("Distinct");
  const select = [selectItem(tokens)];
  while (tokens.skipSymbol(",")) select.push(selectItem(tokens));
  if (select.some((item) => item.kind === "aggregate")) found.add("Aggregate");

  tokens.expectKeyword("from");
  const schema = tokens.name();
  tokens.expectSymbol(".");
  const table = tokens.name();

  const blocks = tokens.skipKeyword("where") ? blockFilter(tokens) : null;
  let streamSetting: boolean | null = null;
  let ordersByBlock = false;
  while (!tokens.atEnd()) {
    const keyword = tokens.keyword();
    const operation = keyword === null ? undefined : TAIL_CLAUSES[keyword];
    if (operation !== undefined) {
      found.add(operation);
      tokens.next();
      ordersByBlock ||= keyword === "order" && tokens.skipKeyword("by") && tokens.skipName(BLOCK_NUM);
      tokens.skipUntilKeyword([...Object.keys(TAIL_CLAUSES), "settings"]);
    } else if (tokens.skipKeyword("settings")) {
      streamSetting = settings(tokens);
    } else if (tokens.skipSymbol(";") && tokens.atEnd()) {
      break;
    } else {
      throw invalidArgument(`SQL parse error | Caused by: ${tokens.describe()} is not supported here`);
    }
  }
  const nonIncremental = NON_INCREMENTAL.find((operation) => found.has(operation)) ?? null;
  return { select, schema, table, nonIncremental, ordersByBlock, blocks, streamSetting };
}

function selectItem(tokens: TokenReader): SelectItem {
  if (tokens.skipSymbol("*")) return { kind: "all" };
  const name = tokens.name();
  if (!tokens.skipSymbol("(")) return { kind: "column", name };
  const argument = tokens.skipSymbol("*") ? "*" : tokens.name();
  tokens.expectSymbol(")");
  return { kind: "aggregate", name, argument };
}

/** `_block_num >= N` and `_block_num <= N`, one or several joined by AND. */
function blockFilter(tokens: TokenReader): BlockFilter {
  let from: bigint | null = null;
  let to: bigint | null = null;
  do {
    const isBlock = tokens.skipName(BLOCK_NUM);
    const isLower = tokens.skipSymbol(">");
    if (!isBlock || !(isLower || tokens.skipSymbol("<")) || !tokens.skipSymbol("=")) {
      throw invalidArgument("SQL parse error | Caused by: this filter is not supported here");
    }
    const value = tokens.integer();
    if (isLower) {
      from = from === null || value > from ? value : from;
    } else {
      to = to === null || value < to ? value : to;
    }
  } while (tokens.skipKeyword("and"));
  return { from, to };
}

/** Only `stream` counts; its value must be a boolean literal. */
function settings(tokens: TokenReader): boolean | null {
  let stream: boolean | null = null;
  do {
    const key = tokens.name();
    tokens.expectSymbol("=");
    const value = tokens.next();
    if (key.toLowerCase() === "stream") {
      if (value?.kind !== "name" || (value.text !== "true" && value.text !== "false")) {
        throw invalidArgument("SQL parse error | Caused by: setting stream must be a boolean literal");
      }
      stream = value.text === "true";
    }
  } while (tokens.skipSymbol(","));
  return stream;
}

class TokenReader {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  atEnd(): boolean {
    return this.#at >= this.#tokens.length;
  }

  next(): Token | null {
    const token = this.#tokens[this.#at] ?? null;
    this.#at += 1;
    return token;
  }

  /** The next unquoted word. */
  keyword(): string | null {
    const token = this.#tokens[this.#at];
    return token?.kind === "name" && !token.quoted ? token.text : null;
  }

  /** Skips this name, quoted or not. */
  skipName(text: string): boolean {
    const token = this.#tokens[this.#at];
    const found = token?.kind === "name" && token.text === text;
    this.#at += found ? 1 : 0;
    return found;
  }

  skipKeyword(word: string): boolean {
    const found = this.keyword() === word;
    this.#at += found ? 1 : 0;
    return found;
  }

  skipSymbol(symbol: string): boolean {
    const token = this.#tokens[this.#at];
    const found = token?.kind === "symbol" && token.text === symbol;
    this.#at += found ? 1 : 0;
    return found;
  }

  skipUntilKeyword(words: readonly string[]): void {
    while (!this.atEnd() && !words.includes(this.keyword() ?? "")) {
      this.#at += 1;
    }
  }

  expectKeyword(word: string): void {
    if (!this.skipKeyword(word)) throw this.#expected(word.toUpperCase());
  }

  expectSymbol(symbol: string): void {
    if (!this.skipSymbol(symbol)) throw this.#expected(`"${symbol}"`);
  }

  name(): string {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "name") throw this.#expected("a name");
    this.#at += 1;
    return token.text;
  }

  integer(): bigint {
    const token = this.#tokens[this.#at];
    if (token?.kind !== "literal" || !/^\d+$/.test(token.text)) throw this.#expected("an integer");
    this.#at += 1;
    return BigInt(token.text);
  }

  describe(): string {
    return this.#tokens[this.#at]?.text ?? "the end of the statement";
  }

  #expected(wanted: string): Error {
    return invalidArgument(`SQL parse error | Caused by: expected ${wanted}, found ${this.describe()}`);
  }
}
