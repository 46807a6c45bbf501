import type { Connection } from "../postgres/sql-stream.ts";

/**
 * A log of changes that is written by triggers in the transaction of each change, and waits for nothing: what capture would
 * have brought from WAL, without a worker. For a database of its own, or a transaction that is rolled back.
 */
export async function installTriggerLog(db: Connection): Promise<void> {
  await db.query(`
    select ampsync_private.ensure_capture(), ampsync_private.add_change_partitions(0, 0);
    create or replace function ampsync_private.await_capture(p_timeout interval) returns void
      language sql set search_path = pg_catalog, pg_temp as 'select';
    create schema if not exists test_log;
    create function test_log.entry() returns bigint language plpgsql as $$
    declare
      v_tx bigint := (select t.tx_id from ampsync_private.change_tx t where t.xid = pg_current_xact_id() and t.kind = 'rows');
    begin
      if v_tx is null then
        v_tx := nextval('ampsync_private.tx_id');
        insert into ampsync_private.change_tx (position, kind, tx_id, lsn, xid, committed_at, recorded_at, schema_version,
                                               source, changes, bytes)
        values (ampsync_private.take_position(), 'rows', v_tx, pg_current_wal_insert_lsn(), pg_current_xact_id(),
                ampsync_private.now(), ampsync_private.now(), '0.0.0', current_setting('test.source', true), 0, 0);
      end if;
      return v_tx;
    end; $$;
    create function test_log.line(p_table regclass, p_operation text, p_key text, p_data jsonb, p_old jsonb, p_more jsonb)
      returns void language plpgsql as $$
    declare
      v_tx bigint := test_log.entry();
    begin
      insert into ampsync_private.change
      select v_tx, (select count(*) from ampsync_private.change c where c.tx_id = v_tx), p.published_id, p_operation, p_key,
             p_data, p_old, p_more
        from ampsync_private.published p where p.relation = p_table;
      update ampsync_private.change_tx t set changes = t.changes + 1 where t.tx_id = v_tx;
    end; $$;
    create function test_log.on_row() returns trigger language plpgsql set timezone = 'UTC' set datestyle = 'ISO' as $$
    declare
      v_sql record := ampsync_private.row_as_text(tg_relid);
      v_key text; v_data jsonb; v_old_key text; v_old jsonb;
    begin
      if tg_op <> 'DELETE' then
        execute format('select %s, %s from (select ($1).*) r', v_sql.key_sql, v_sql.data_sql) into v_key, v_data using new;
      end if;
      if tg_op <> 'INSERT' then
        execute format('select %s, %s from (select ($1).*) r', v_sql.key_sql, v_sql.data_sql) into v_old_key, v_old using old;
      end if;
      if v_key <> v_old_key then
        perform test_log.line(tg_relid, 'delete', v_old_key, null, v_old, jsonb_build_object('moved', v_key));
        perform test_log.line(tg_relid, 'insert', v_key, v_data, null, jsonb_build_object('moved', v_old_key));
      else
        perform test_log.line(tg_relid, lower(tg_op), coalesce(v_key, v_old_key), v_data, v_old, null);
      end if;
      return null;
    end; $$;
    create function test_log.on_truncate() returns trigger language plpgsql as $$
    begin
      perform test_log.line(tg_relid, 'truncate', null, null, null, null);
      perform ampsync_private.note_truncates(
        jsonb_build_array(jsonb_build_object('id', p.published_id, 'place', 1)), array[ampsync_private.log_head()])
        from ampsync_private.published p where p.relation = tg_relid;
      return null;
    end; $$`);
}

/** Publishes a table whose changes the triggers log; returns the position of its floor. */
export async function logTable(db: Connection, table: string, identity = "full"): Promise<number> {
  await db.query(`
    insert into ampsync_private.published (schema_name, table_name, relation, mode, identity, columns, state, published_lsn, since)
    select n.nspname, c.relname, c.oid, 'rows', '${identity}', ampsync_private.published_columns(c.oid), 'live', '0/1', now()
      from pg_class c join pg_namespace n on n.oid = c.relnamespace where c.oid = '${table}'::regclass;
    create trigger test_log after insert or update or delete on ${table} for each row execute function test_log.on_row();
    create trigger test_log_truncate after truncate on ${table} execute function test_log.on_truncate()`);
  const { rows } = await db.query(
    `select ampsync_private.raise_floor(p.published_id, 'test')::integer as floor
       from ampsync_private.published p where p.relation = '${table}'::regclass`,
  );
  return rows[0]!["floor"];
}
