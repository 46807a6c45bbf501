import type { TestDatabase } from "./database.ts";

/**
 * Lets calls of a test database break off in the middle: the backend that runs a chosen function ends at the nth
 * statement that writes records of ours or changes the catalogue.
 */
export async function installCrashPoints(db: Pick<TestDatabase, "query">): Promise<void> {
  await db.query(`
    create schema test_crash;
    create table test_crash.armed (call text not null);
    create sequence test_crash.left increment -1 minvalue -9000000000 maxvalue 9000000000 start 0;

    create function test_crash.strike() returns void language plpgsql as $$
    begin
      if exists (select from test_crash.armed a where position(a.call in current_query()) > 0)
         and nextval('test_crash.left') = 0 then -- Not rolled back, so it strikes once.
        perform pg_terminate_backend(pg_backend_pid());
      end if;
    end; $$;
    create function test_crash.at_statement() returns trigger language plpgsql as $$
    begin
      perform test_crash.strike();
      return null;
    end; $$;
    create function test_crash.at_ddl() returns event_trigger language plpgsql as $$
    begin
      perform test_crash.strike();
    end; $$;

    do $$
    declare
      v_table regclass;
    begin
      for v_table in
        select c.oid from pg_class c where c.relnamespace = 'ampsync_private'::regnamespace and c.relkind = 'r'
      loop
        execute format('create trigger test_crash before insert or update or delete on %s
                        for each statement execute function test_crash.at_statement()', v_table);
      end loop;
    end; $$;
    create event trigger test_crash_before on ddl_command_start execute function test_crash.at_ddl();
    create event trigger test_crash_after on ddl_command_end execute function test_crash.at_ddl()`);
}

/** The next call whose text holds `call` ends at its nth statement, or the one after it, if it has fewer. */
export async function armCrash(db: Pick<TestDatabase, "query">, call: string, nth: number): Promise<void> {
  await db.query("delete from test_crash.armed");
  await db.query("select setval('test_crash.left', $1)", [nth]);
  await db.query("insert into test_crash.armed values ($1)", [call]);
}

/** Whether the call that was armed has ended so. */
export async function hasCrashed(db: Pick<TestDatabase, "query">): Promise<boolean> {
  const { rows } = await db.query("select l.last_value <= 0 as struck from test_crash.left l");
  return rows[0]!["struck"];
}

/** Resolves to the call that a backend has ended in, if one has. */
export async function disarmCrash(db: Pick<TestDatabase, "query">): Promise<string | null> {
  const { rows } = await db.query(
    "with gone as (delete from test_crash.armed returning call) select call from gone, test_crash.left l where l.last_value <= 0",
  );
  return rows[0]?.["call"] ?? null;
}
