-- Makes the partitions of `change` that are missing from that of one tx_id to that of another: 1,000,000
-- transactions each. Made as tables of their own that are then attached: CREATE ... PARTITION OF would wait for every
-- reader of the log.
--
-- Locks: `change` (share update exclusive), where one is missing.
create or replace function ampsync_private.add_change_partitions(
  p_from bigint,
  p_to   bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  c_size  constant bigint := 1000000;
  v_owner text := (select c.relowner::regrole::text from pg_class c where c.oid = 'ampsync_private.change'::regclass);
  v_name  text;
begin
  for v_n in p_from / c_size .. p_to / c_size loop
    v_name := 'change_' || v_n;
    continue when to_regclass('ampsync_private.' || v_name) is not null;
    lock table ampsync_private.change in share update exclusive mode; -- Of two that make it one waits, and finds it.
    continue when to_regclass('ampsync_private.' || v_name) is not null;
    execute format('create table ampsync_private.%I (like ampsync_private.change including all)', v_name);
    execute format('comment on table ampsync_private.%I is %L', v_name,
                   format('Rows of captured transactions from number %s on.', v_n * c_size));
    execute format('alter table ampsync_private.%I owner to %s', v_name, v_owner);
    execute format('alter table ampsync_private.change attach partition ampsync_private.%I '
                   'for values from (%s) to (%s)',
                   v_name, v_n * c_size, (v_n + 1) * c_size);
  end loop;
end;
$$;

comment on function ampsync_private.add_change_partitions(bigint, bigint)
  is 'Make the partitions of the log''s rows that are missing between two of them.';
