import type pg from "pg";

import { type DevServer, startDevServer } from "../../../src/devserver/server.ts";
import { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import type { Identity } from "../../../src/encoder/plan.ts";
import { type Dice, dice } from "../dice.ts";
import { armCrash, disarmCrash, hasCrashed, installCrashPoints } from "../postgres/crash-points.ts";
import type { TestDatabase } from "../postgres/database.ts";
import { HurriedTime } from "../postgres/hurried-time.ts";
import { VersionWatch } from "../watch/version-watch.ts";
import type { FreshVersions } from "../worker/fresh-versions.ts";
import { WorkerPool } from "../worker/worker-pool.ts";
import { hangOn } from "./kept-objects.ts";
import { type Named, PublishedVersions } from "./published-versions.ts";
import { countVersions, describeVersions, noVersionCounts } from "./version-counts.ts";
import { CALLS, POINTS, type Provocation } from "./version-crashes.ts";
import { outcomeFaults, type Standing, standing, unsettled } from "./version-outcome.ts";
import { ROLLBACK, VersionUser } from "./version-user.ts";

const DEEPEST_REORG = 12;

/**
 * One random life of a dataset whose versions change while workers follow them and users give orders: crashes
 * at statements of every switch, killed, frozen and ended workers, reorgs. Ends with what is wrong, told by a reader who
 * looked on and by fresh loads of the versions that the rows are said to come from.
 */
export class RandomVersions {
  readonly script: string[] = [];
  readonly counts = noVersionCounts();
  readonly #roll: Dice;
  readonly #db: TestDatabase;
  readonly #fresh: FreshVersions;
  readonly #chain: GeneratedSource;
  readonly #tag: "latest" | "dev";
  readonly #identity: Identity;
  #server!: DevServer;
  #versions!: PublishedVersions;
  #workers!: WorkerPool;
  readonly #user: VersionUser;
  readonly #time: HurriedTime;
  #height: bigint;

  /** `db`: empty, and of this case alone. */
  constructor(seed: number, db: TestDatabase, fresh: FreshVersions) {
    this.#roll = dice(seed);
    this.#identity = seed % 3 === 0 ? "transaction" : "content"; // Not rolled: other seeds stay what they are.
    this.#db = db;
    this.#fresh = fresh;
    this.#tag = this.#roll(0, 2) === 0 ? "dev" : "latest";
    this.#chain = new GeneratedSource({ seed, blocks: this.#roll(5, 60) });
    this.#height = this.#chain.chain.head()!.number;
    this.#time = new HurriedTime(db);
    this.#user = new VersionUser(db, this.#label, this.#roll, (what) => this.#note(what));
  }

  async run(): Promise<string | null> {
    await using stack = new AsyncDisposableStack();
    this.#server = await startDevServer({
      source: this.#chain,
      published: false,
      dataset: { namespace: "_", name: "anvil", version: "1.0.0" },
    });
    stack.defer(() => this.#server.stop());
    this.#server.misbehaviour.blocksPerMicrobatch = this.#roll(1, 30);
    this.#versions = new PublishedVersions(this.#server, this.#chain, this.#roll);
    this.script.push(
      `first ${await this.#versions.first()}, follow ${this.#tag}, identity ${this.#identity}, head ${this.#height}`,
    );
    await installCrashPoints(this.#db);
    await this.#db.query(
      `select ampsync.enqueue_sync($1, target_schema => 'chain', poll_interval => '1 s', on_new_version => $2,
         identity => $3)`,
      [this.#label, this.#roll(0, 1) === 0 ? "continue" : "resync", this.#identity],
    );
    this.#workers = stack.use(
      new WorkerPool(this.#db, {
        databaseUrl: this.#db.url,
        flightAddress: this.#server.flightAddress,
        adminAddress: this.#server.adminAddress,
      }),
    );
    this.#workers.start();
    stack.use(this.#user);
    const watch = new VersionWatch(await this.#db.client(), this.#tag === "dev" ? "dev" : null);
    try {
      await this.#settle("the first load");
      watch.add(await hangOn(this.#db, this.#versions.tables()));
      for (let step = this.#roll(5, 11); step > 0; step--) await this.#step();
      const faults = await this.#end();
      return [...watch.faults, ...faults].join("\n  ") || null;
    } catch (error) {
      const { stack, detail, where } = error as pg.DatabaseError;
      throw new Error(
        [stack, detail, where, ...watch.faults, await describeVersions(this.#db), this.#workers.tail()].join(
          "\n  ",
        ),
        {
          cause: error,
        },
      );
    } finally {
      await watch[Symbol.asyncDispose]();
      await countVersions(this.#db, this.counts);
    }
  }

  get #label(): string {
    return this.#tag === "dev" ? "anvil@dev" : "anvil";
  }

  async #step(): Promise<void> {
    const roll = this.#roll;
    const what = roll(0, 19);
    if (what <= 4) this.#note(await this.#versions.change());
    else if (what <= 6) this.#change(`mine ${roll(1, 20)}`);
    else if (what === 7) this.#reorg();
    else if (what <= 11) await this.#user.order();
    else if (what === 12) await this.#kill();
    else if (what === 13) await this.#arm();
    else if (what <= 16) await this.#crash();
    else if (what === 17) await this.#terminateBackends();
    else if (what === 18) await this.#moveWorkers();
    else {
      this.#note("disconnect");
      this.#server.disconnectAll();
    }

    if (roll(0, 3) > 0) await this.#workers.ensure();
    // Not for something: so that changes come at any moment. Now and then a change gets the time to be done.
    const wait = roll(0, 5);
    if (wait === 0) await this.#time.pass(roll(0, 60));
    if (wait === 2 || wait === 3) await this.#time.pass(roll(0, 600));
    if (wait >= 4) await this.#time.pass(3_000, async () => (await this.#left()) === null);
  }

  #note(what: string): void {
    this.script.push(what);
  }

  #change(what: string): void {
    this.#note(what);
    const [verb, first, second] = what.split(" ");
    if (verb === "mine") this.#chain.mine(Number(first));
    else this.#chain.reorg(Number(first), Number(second));
    const { number } = this.#chain.chain.head()!;
    if (number > this.#height) this.#height = number;
  }

  /** The first block is never replaced: no history reaches below it. */
  #reorg(): void {
    const deepest = Math.min(DEEPEST_REORG, Number(this.#chain.chain.head()!.number));
    const depth = this.#roll(1, Math.max(1, deepest));
    if (deepest >= 1) this.#change(`reorg ${depth} ${Math.max(1, depth + this.#roll(-2, 4))}`);
  }

  async #kill(): Promise<void> {
    this.#note("kill");
    await this.#workers.kill();
    this.counts.kills++;
  }

  async #arm(): Promise<void> {
    const [point, provoked] = POINTS[this.#roll(0, POINTS.length - 1)]!;
    this.#note(`kill at ${point}`);
    await this.#workers.ensure();
    await this.#workers.arm(point);
    await this.#provoke(provoked);
    await this.#time.pass(2_000, async () => this.#workers.running === 0);
    if (this.#workers.running === 0) this.counts.kills++;
  }

  async #crash(): Promise<void> {
    await this.#disarm();
    const [call, statements, provoked] = CALLS[this.#roll(0, CALLS.length - 1)]!;
    const nth = this.#roll(1, statements);
    this.#note(`crash ${call} at ${nth}`);
    await armCrash(this.#db, call, nth);
    await this.#workers.ensure();
    await this.#provoke(provoked);
    await this.#time.pass(2_000, () => hasCrashed(this.#db));
    if (this.#roll(0, 2) > 0) await this.#disarm();
  }

  async #provoke(what: Provocation): Promise<void> {
    switch (what) {
      case "version":
        await this.#user.say("select ampsync.alter_sync($1, on_new_version => $2)", "continue");
        return this.#note(await this.#versions.change());
      case "upgrade":
        await this.#user.say("select ampsync.alter_sync($1, on_new_version => $2)", "resync");
        return this.#note(await this.#versions.change());
      case "resync":
        return await this.#user.say("select ampsync.resync($1)");
      case "rollback":
        return await this.#user.say(ROLLBACK);
      case "cancel":
        return await this.#user.say("select ampsync.cancel_resync($1)");
      case "block":
        return this.#change("mine 1");
    }
  }

  async #disarm(): Promise<void> {
    const struck = await disarmCrash(this.#db);
    if (struck === null) return;
    this.counts.crashes++;
    this.#note(`(${struck} crashed)`);
  }

  async #terminateBackends(): Promise<void> {
    this.#note("terminate");
    await this.#db.query(
      `select pg_terminate_backend(a.pid) from pg_stat_activity a
        where a.datname = current_database() and a.application_name = 'ampsync worker'`,
    );
  }

  async #moveWorkers(): Promise<void> {
    const what = this.#roll(0, 3);
    if (what === 0) {
      this.#note("restart");
      await this.#workers.stop();
      await this.#workers.ensure();
    } else if (what === 1) {
      this.#note("freeze");
      await this.#workers.freeze();
    } else if (what === 2) {
      this.#note("thaw");
      this.#workers.thaw();
    } else if (this.#workers.running < 2) {
      this.#note("another worker");
      this.#workers.start();
    }
  }

  /** Waits until nothing changes any more without somebody doing something. */
  async #settle(what: string, mustFollow = false): Promise<void> {
    if (this.#chain.chain.head()!.number < this.#height) {
      this.#change(`mine ${this.#height - this.#chain.chain.head()!.number}`);
    }
    this.#note(`settle: ${what}`);
    let left: string | null = "";
    try {
      await this.#time.until(what, async () => {
        await this.#workers.ensure();
        left = await this.#left(mustFollow);
        return left === null;
      });
    } catch (error) {
      throw new Error(`${error}: ${left}`, { cause: error });
    }
  }

  /** `mustFollow`: a refusal does not count, for it may be that of before. */
  async #left(mustFollow = false): Promise<string | null> {
    const is = await this.#standing();
    if (is.version === null) return "the dataset is not found yet";
    if (mustFollow && is.offered !== null) return `version ${is.offered} is not followed yet`;
    const { source } = this.#versions.of(is.version, is.hash);
    return unsettled(is, await this.#versions.named(this.#tag), [...source.tables.keys()]);
  }

  /** Nobody disturbs any more: what is settled must be right, go on, and do what it is told to. */
  async #end(): Promise<readonly string[]> {
    await this.#disarm();
    this.#versions.restore();
    this.#workers.thaw();
    await this.#user.say("select ampsync.resume_sync($1)");
    await this.#settle("the end");
    const newest = await this.#versions.named(this.#tag);
    const faults = [...(await this.#faults())];
    this.#change("mine 3");
    await this.#settle("three more blocks");

    if ((await this.#standing()).offered !== null) faults.push(...(await this.#followHint(newest)));
    if ((await this.#user.canRollBack()) && this.#roll(0, 1) === 0) {
      await this.#user.say(ROLLBACK);
      await this.#settle("the rollback");
      faults.push(...(await this.#faults()));
    }
    return faults;
  }

  async #standing(): Promise<Standing> {
    return await standing(this.#db, this.#chain.chain.head()!);
  }

  /** Status must say why a version is not followed, and what to do: the statement, run as it is printed. */
  async #followHint(newest: Named): Promise<readonly string[]> {
    this.counts.refusals++;
    const { rows } = await this.#db.query(
      "select s.new_version, s.error_code, s.waiting_on, s.hint from ampsync.status s",
    );
    const { new_version: version, error_code: code, waiting_on: reason, hint } = rows[0]!;
    this.#note(`${code}: ${reason}; hint ${hint}`);
    if (version !== newest.version || !reason?.includes(version) || !hint?.includes("ampsync.resync(")) {
      return [`version ${newest.version} is not followed, and status says ${JSON.stringify(rows[0])}`];
    }
    const [beside, inPlace] = hint.split(" -- or: ");
    const chosen = inPlace !== undefined && this.#roll(0, 1) === 0 ? inPlace : beside;
    this.#note(chosen);
    await this.#db.query(chosen);
    await this.#settle("what the hint names", true);
    return await this.#faults();
  }

  async #faults(): Promise<readonly string[]> {
    const head = this.#chain.chain.head()!;
    const newest = await this.#versions.named(this.#tag);
    return await outcomeFaults(this.#db, this.#fresh, this.#versions, newest, head);
  }
}
