import type { ApiServer } from "../../../../src/devserver/http/api-server.ts";
import { faultsOf } from "../../../../src/devserver/http/faults.ts";
import { dice } from "../../dice.ts";
import type { TestDatabase } from "../../postgres/database.ts";
import { waitFor } from "../../wait-for.ts";
import { type FleetMember, type FleetRow, SourceFleet } from "../source-fleet.ts";
import { differenceOf } from "../truth.ts";
import { ANSWER_CASES } from "./answer-cases.ts";
import type { FaultCase, Made } from "./fault-case.ts";
import { LIMIT_CASES } from "./limit-cases.ts";
import { PAGING_CASES } from "./paging-cases.ts";
import { RECORD_CASES } from "./record-cases.ts";
import { SECRET_CASES } from "./secret-cases.ts";

/** Every fault of the development API server. */
export const FAULT_CASES: readonly FaultCase[] = [
  ...LIMIT_CASES,
  ...PAGING_CASES,
  ...ANSWER_CASES,
  ...RECORD_CASES,
  ...SECRET_CASES,
];

const POLL_MS = 100;

/** All cases run side by side, each with an API and a source of its own, in one worker. */
export class FaultMatrix implements AsyncDisposable {
  readonly #fleet: SourceFleet;
  readonly #made: ReadonlyMap<string, Made>;
  readonly #deadlineMs: number;
  #rows: ReadonlyMap<string, FleetRow> = new Map();
  #looking: Promise<void>;
  #isOver = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(fleet: SourceFleet, made: ReadonlyMap<string, Made>, deadlineMs: number) {
    this.#fleet = fleet;
    this.#made = made;
    this.#deadlineMs = deadlineMs;
    this.#looking = this.#look();
    this.#looking.catch(() => {}); // Seen by whoever waits in vain.
  }

  static async start(
    db: TestDatabase,
    cases: readonly FaultCase[],
    seed: number,
    deadlineMs: number,
  ): Promise<FaultMatrix> {
    const made = new Map(cases.map(({ make }, nth) => [`f${nth}`, make(dice(seed + nth))]));
    const sources = [...made].map(([name, { outcome: _, ...source }]) => ({ name, ...source }));
    const fleet = await SourceFleet.start(db, sources);
    fleet.startWorker(undefined, { AMPSYNC_HTTP_MAX_PAGE_MB: "1" });
    return new FaultMatrix(fleet, made, deadlineMs);
  }

  /** Resolves to what is wrong with the n-th case; null: nothing. */
  async verdict(nth: number): Promise<string | null> {
    const name = `f${nth}`;
    const made = this.#made.get(name)!;
    const member = this.#fleet.members.get(name)!;
    try {
      return await this.#play(member, made);
    } catch (error) {
      return `${error}\n${JSON.stringify(this.#rows.get(name))}\n${this.#said(name)}`;
    }
  }

  async #play(
    member: FleetMember,
    { outcome, later, truth = (api) => api.records() }: Made,
  ): Promise<string | null> {
    const { server, name } = member;
    if (outcome.kind !== "equal") {
      await this.#until(name, `the code ${outcome.code}`, ({ code }) => code === outcome.code);
      const wrong = await this.#inTurn(() => this.#wrongSoFar(member, truth(server)));
      if (wrong !== null || outcome.kind === "stops") return wrong;
      lift(server);
      await this.#resume(name);
    }
    await this.#until(name, "the end of its run", ({ state }) => state === "complete");
    if (later !== undefined) {
      later(server);
      await this.#resume(name);
      await this.#until(name, "the end of its second run", ({ state }) => state === "complete");
    }
    return await this.#inTurn(async () => {
      const { lost, doubled } = await differenceOf(this.#fleet.db, member, truth(server));
      const wrong = await this.#wrongCounts(name);
      return lost + doubled > 0 ? `${lost} lost, ${doubled} doubled` : wrong;
    });
  }

  /** Before all is there: nothing is doubled, and the counts add up. */
  async #wrongSoFar(member: FleetMember, texts: readonly string[]): Promise<string | null> {
    const { rows } = await this.#fleet.db.query("select to_regclass($1) is null as none", [member.name]);
    if (rows[0]!["none"]) return null;
    const { doubled } = await differenceOf(this.#fleet.db, member, texts);
    return doubled > 0 ? `${doubled} doubled` : await this.#wrongCounts(member.name);
  }

  async #wrongCounts(name: string): Promise<string | null> {
    const row = (await this.#fleet.rows()).get(name)!;
    const { records, rows, duplicates, rejected } = row;
    return records === rows + duplicates + rejected ? null : `counts do not add up: ${JSON.stringify(row)}`;
  }

  /** What waits goes on at once; what has stopped, or is complete, begins again. */
  async #resume(name: string): Promise<void> {
    await this.#inTurn(async () => {
      await this.#fleet.db.query("select ampsync.resume_sync($1)", [name]);
      this.#rows = await this.#fleet.rows();
    });
  }

  async #until(name: string, what: string, condition: (row: FleetRow) => boolean): Promise<void> {
    const holds = () => {
      const row = this.#rows.get(name);
      if (row === undefined) return false;
      if (condition(row)) return true;
      if (row.state === "failed" || (row.state === "complete" && what.includes("code"))) {
        throw new Error(`waited for ${what}, and it is ${row.state}`);
      }
      return false;
    };
    await waitFor(what, holds, this.#deadlineMs);
  }

  async #look(): Promise<void> {
    while (!this.#isOver) {
      await this.#inTurn(async () => {
        this.#rows = await this.#fleet.rows();
      });
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }

  /** One connection: one query at a time. */
  async #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return await turn;
  }

  #said(name: string): string {
    const lines = this.#fleet.workers.flatMap((worker) => worker.said());
    return lines
      .filter((line) => line.includes(`"dataset":"${name}"`))
      .slice(-6)
      .join("\n");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await this.#looking.catch(() => {});
    await this.#fleet[Symbol.asyncDispose]();
  }
}

/** From now on nothing is wrong with it. */
function lift({ faults }: ApiServer): void {
  const { limits, pages, cursors, ...others } = faultsOf({});
  Object.assign(faults, others);
  Object.assign(faults.limits, limits);
  Object.assign(faults.pages, pages);
  Object.assign(faults.cursors, cursors);
}
