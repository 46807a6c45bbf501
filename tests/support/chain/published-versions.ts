import type { DevServer } from "../../../src/devserver/server.ts";
import type { GeneratedSource } from "../../../src/devserver/sources/generated/source.ts";
import type { Dice } from "../dice.ts";
import { VersionSource } from "./version-source.ts";
import { type Tables, VersionWalk } from "./version-walk.ts";

/** A version as the server tells of it. */
export interface Named {
  readonly version: string;
  readonly hash: string;
}

/** What a version stood for, at one time. */
export interface Published extends Named {
  readonly source: VersionSource;
}

interface VersionList {
  readonly versions: readonly { readonly version: string; readonly manifest_hash: string }[];
  readonly special_tags: Readonly<Record<string, string>>;
}

/** The versions of a dataset that a random test publishes, one after the other. */
export class PublishedVersions {
  /** All that were ever there. */
  readonly all: Published[] = [];
  readonly #server: DevServer;
  readonly #chain: GeneratedSource;
  readonly #roll: Dice;
  readonly #walk: VersionWalk;
  /** By version, in the order in which they were published. */
  readonly #current = new Map<string, Published & { readonly tables: Tables }>();
  readonly #hidden: string[] = [];
  #count = 0;

  constructor(server: DevServer, chain: GeneratedSource, roll: Dice) {
    this.#server = server;
    this.#chain = chain;
    this.#roll = roll;
    this.#walk = new VersionWalk(roll);
  }

  async first(): Promise<string> {
    return await this.#publish(this.#nextVersion(), this.#walk.first());
  }

  /** Publishes another version, or changes what the newest one stands for; resolves to what was done. */
  async change(): Promise<string> {
    const [version, newest] = [...this.#current].at(-1)!;
    const kind = this.#roll(0, 9);
    if (kind === 0 && this.#hidden.length === 0 && this.#current.size > 1) {
      this.#server.unpublish(version);
      this.#hidden.push(version);
      return `unpublish ${version}`;
    }
    if (kind === 1 && !this.#hidden.includes(version)) {
      // Streams read a version by its name, so what they read changes with it: nothing may be lost.
      const { what, tables } = this.#walk.next(newest.tables, { compatible: true });
      return `${what} under ${await this.#publish(version, tables)}`;
    }
    const { what, tables } = this.#walk.next(newest.tables);
    return `${what} in ${await this.#publish(this.#nextVersion(), tables)}`;
  }

  /** The tables of the newest one. */
  tables(): readonly string[] {
    return [...this.all.at(-1)!.source.tables.keys()];
  }

  /** Everything that was taken away is there again. */
  restore(): void {
    for (const version of this.#hidden.splice(0)) {
      this.#server.publish(version, this.#current.get(version)!.source);
    }
  }

  /** What a tag stands for. */
  async named(tag: "latest" | "dev"): Promise<Named> {
    const { versions, special_tags: tags } = await this.#list();
    const found = versions.find(({ version, manifest_hash: hash }) => [version, hash].includes(tags[tag]!))!;
    return { version: found.version, hash: found.manifest_hash };
  }

  /** What a version with this hash stands for. */
  of(version: string, hash: string | null): Published {
    return this.all.findLast((each) => each.version === version && each.hash === hash)!;
  }

  async #list(): Promise<VersionList> {
    const answer = await fetch(`${this.#server.adminAddress}/datasets/_/anvil/versions`);
    return (await answer.json()) as VersionList;
  }

  #nextVersion(): string {
    return `1.${++this.#count}.0`;
  }

  async #publish(version: string, tables: Tables): Promise<string> {
    const source = new VersionSource(this.#chain, tables);
    this.#server.publish(version, source);
    const { versions } = await this.#list();
    const hash = versions.find((each) => each.version === version)!.manifest_hash;
    const published = { version, hash, source, tables };
    this.#current.set(version, published);
    this.all.push(published);
    return version;
  }
}
