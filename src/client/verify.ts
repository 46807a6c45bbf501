import type { FromClient, Report } from "../wire/from-client.ts";
import type { Answer, Verified } from "./compare.ts";

/** A question that waits for its answers. */
interface Question {
  readonly tables: readonly string[];
  readonly found: Map<string, Verified>;
  readonly resolve: (found: readonly Verified[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface VerifyingParts {
  readonly send: (message: FromClient) => void;
  /** Says to the server which tables differ. */
  readonly report: (checks: Report["checks"]) => void;
}

/** Questions whether tables hold what they should, and what follows from the answers, asked for or not. */
export class Verifying {
  readonly #parts: VerifyingParts;
  readonly #open = new Map<string, Question>();

  constructor(parts: VerifyingParts) {
    this.#parts = parts;
  }

  /** Without a connection it is asked with the next one. */
  ask(tables: readonly string[]): Promise<readonly Verified[]> {
    if (tables.length === 0) return Promise.resolve([]);
    const id = crypto.randomUUID();
    const { promise, resolve, reject } = Promise.withResolvers<readonly Verified[]>();
    this.#open.set(id, { tables, found: new Map(), resolve, reject });
    this.#parts.send({ t: "check", id, tables });
    return promise;
  }

  /** A new connection has heard of no question. */
  welcomed(): void {
    for (const [id, { tables, found }] of this.#open) {
      const missing = tables.filter((table) => !found.has(table));
      this.#parts.send({ t: "check", id, tables: missing });
    }
  }

  answered(answers: readonly Answer[]): void {
    const { send, report } = this.#parts;
    const differing = answers.filter(({ ok }) => ok === false);
    if (differing.length > 0) report(differing.map(checkOf));
    const spoiled = differing.filter(({ isSpoiled }) => isSpoiled).map(({ table }) => table);
    if (spoiled.length > 0) send({ t: "load", tables: spoiled });
    for (const { id, isSpoiled: _, ...found } of answers) {
      const question = this.#open.get(id);
      question?.found.set(found.table, found);
      if (question === undefined || question.tables.some((table) => !question.found.has(table))) continue;
      this.#open.delete(id);
      question.resolve(question.tables.map((table) => question.found.get(table)!));
    }
  }

  end(error: Error): void {
    for (const { reject } of this.#open.values()) reject(error);
    this.#open.clear();
  }
}

function checkOf({ id, table, rows, sum, serverRows, serverSum }: Answer): Report["checks"][number] {
  // Of a table that was compared, all of them are known.
  return { id, table, rows: rows!, sum: sum!, server_rows: serverRows!, server_sum: serverSum! };
}
