import type { Reader } from "./oracle.ts";

/** A step of a client's store: from where to where it went, in rows and in blocks. */
export interface Step {
  readonly epochBefore: string | null;
  readonly epoch: string | null;
  readonly from: string;
  readonly to: string;
  readonly blocksFrom: string;
  readonly blocksTo: string;
}

/**
 * From here on the store itself notes each step, in the transaction that makes it: what is undone by a kill is not in the
 * journal either. A store that has a journal goes on with it.
 */
export async function keepJournal(client: Reader): Promise<void> {
  for (const statement of [
    `create table if not exists public.applied_steps (
       n bigint generated always as identity primary key, epoch_before uuid, epoch uuid,
       "from" bigint, "to" bigint, blocks_from bigint, blocks_to bigint)`,
    `create or replace function public.note_step() returns trigger language plpgsql as $$
     begin
       insert into public.applied_steps (epoch_before, epoch, "from", "to", blocks_from, blocks_to)
       values (old.epoch, new.epoch, old.position, new.position, old.blocks, new.blocks);
       return null;
     end $$`,
    `create or replace trigger note_step after update on ampsync.state for each row
     when ((old.epoch, old.position, old.blocks) is distinct from (new.epoch, new.position, new.blocks))
     execute function public.note_step()`,
  ]) {
    await client.query(statement);
  }
}

/** The steps so far, oldest first; null where nobody keeps a journal. */
export async function readJournal(client: Reader): Promise<readonly Step[] | null> {
  const { rows: there } = await client.query(
    "select to_regclass('public.applied_steps') is not null as there",
  );
  if (there[0]?.["there"] !== true) return null;
  const { rows } = await client.query(
    `select epoch_before as "epochBefore", epoch, "from"::text, "to"::text,
            blocks_from::text as "blocksFrom", blocks_to::text as "blocksTo"
       from public.applied_steps order by n`,
  );
  return rows as unknown as Step[];
}

/** Gaps, overlaps and ways back: each step begins where the last one ended, and goes forward within a life of the server. */
export function faultsOf(steps: readonly Step[]): readonly string[] {
  return steps.flatMap((step, n) => {
    const last = steps[n - 1];
    const faults: string[] = [];
    if (last !== undefined && (last.to !== step.from || last.blocksTo !== step.blocksFrom)) {
      faults.push(`step ${n} begins at ${step.from}, ${step.blocksFrom} after ${last.to}, ${last.blocksTo}`);
    }
    const isBack = BigInt(step.to) < BigInt(step.from) || BigInt(step.blocksTo) < BigInt(step.blocksFrom);
    if (isBack && step.epochBefore === step.epoch) {
      faults.push(
        `step ${n} goes back from ${step.from}, ${step.blocksFrom} to ${step.to}, ${step.blocksTo}`,
      );
    }
    return faults;
  });
}
