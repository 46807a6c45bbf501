import { setTimeout as pause } from "node:timers/promises";

import type pg from "pg";

const POLL_MS = 20;

/** Which version a dataset follows, which ones its tables read, and which tables there are, in one snapshot. */
const LOOK = `
  select coalesce(d.resolved_version, '') || ' ' || coalesce(d.resolved_hash, '') as version,
         array(select distinct coalesce(s.version, '') || ' ' || coalesce(s.manifest_hash, '')
                 from ampsync_private.stream s
                where s.dataset_id = d.dataset_id
                  and s.shadow_of is null
                  and s.state <> 'orphaned') as read,
         array(select t.target::regclass::text
                 from ampsync_private.stream t
                where t.dataset_id = d.dataset_id
                  and t.shadow_of is null
                  and t.checkpoint_block is not null) as loaded
    from ampsync_private.dataset d
   where d.revision is not distinct from $1`;

/** Looks at a dataset while its versions change: one version at a time, and no table that is empty or cannot be read. */
export class VersionWatch implements AsyncDisposable {
  readonly faults = new Set<string>();
  looks = 0;
  readonly #client: pg.Client;
  readonly #revision: string | null;
  readonly #loaded = new Set<string>();
  readonly #watching: Promise<void>;
  #isStopped = false;

  /** `revision`: null, or the tag that the dataset follows. */
  constructor(client: pg.Client, revision: string | null) {
    this.#client = client;
    this.#revision = revision;
    this.#watching = this.#watch();
  }

  /** These are there and have rows from now on. */
  add(relations: readonly string[]): void {
    for (const relation of relations) this.#loaded.add(relation);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#watching;
  }

  async #watch(): Promise<void> {
    try {
      await this.#client.query("set statement_timeout = '10s'");
      for (; !this.#isStopped; await pause(POLL_MS)) await this.#look();
    } catch (error) {
      this.faults.add(`a reader was told: ${error}`);
    }
  }

  async #look(): Promise<void> {
    const { rows } = await this.#client.query(LOOK, [this.#revision]);
    const found = rows[0];
    if (found === undefined) return;
    this.looks++;
    for (const version of found["read"]) {
      if (version !== found["version"]) {
        this.faults.add(`a table reads version ${version} of a dataset that follows ${found["version"]}`);
      }
    }
    for (const table of found["loaded"]) this.#loaded.add(table);
    for (const table of this.#loaded) {
      const { rows: counts } = await this.#client.query(`select exists (select from ${table}) as "hasRows"`);
      if (!counts[0]!["hasRows"]) this.faults.add(`${table} was seen empty`);
    }
  }
}
