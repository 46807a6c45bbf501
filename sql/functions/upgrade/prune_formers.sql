-- Drops the former tables of one dataset whose upgrade is longer ago than ampsync.set_retention
-- says; from then on ampsync.rollback_version refuses. Returns how many tables.
--
-- Called by each run of the supervisor, in a transaction of its own, which waits for nobody: a
-- dataset about which somebody is deciding is left for the next run. What keeps a table from
-- being dropped is journaled, and tried again after an hour.
--
-- Idempotent. Locks: dataset row, the former tables (access exclusive), rows of their streams.
create or replace function ampsync_worker.prune_formers()
  returns integer
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_dataset_id bigint;
  v_tables     text;
  v_dropped    integer := 0;
  v_message    text;
  v_detail     text;
begin
  select d.dataset_id into v_dataset_id
    from ampsync_private.former f
    join ampsync_private.dataset d using (dataset_id)
   where f.kept = 'kept'
     and f.replaced_at < ampsync_private.now() - (select r.former_age from ampsync_private.retention r)
     and coalesce(f.next_try <= ampsync_private.now(), true)
   order by f.replaced_at
   limit 1
     for no key update of d skip locked;
  if not found then
    return 0;
  end if;

  begin
    select string_agg(c.oid::regclass::text, ', ' order by c.oid) into v_tables
      from ampsync_private.stream s
      join pg_class c on c.oid = s.target
     where s.dataset_id = v_dataset_id
       and s.state = 'former';
    if v_tables is not null then
      execute 'drop table ' || v_tables;
    end if;
    delete from ampsync_private.stream s
     where s.dataset_id = v_dataset_id
       and s.state = 'former';
    get diagnostics v_dropped = row_count;
    update ampsync_private.former f set kept = 'pruned' where f.dataset_id = v_dataset_id;
    perform ampsync_private.journal(null, 'former_pruned', jsonb_build_object('tables', v_dropped), v_dataset_id);
  exception
    when lock_not_available or dependent_objects_still_exist then
      get stacked diagnostics v_message = message_text, v_detail = pg_exception_detail;
      update ampsync_private.former f
         set next_try = ampsync_private.now() + interval '1 h'
       where f.dataset_id = v_dataset_id;
      perform ampsync_private.journal(null, 'former_kept', jsonb_build_object(
                'message', v_message, 'detail', v_detail), v_dataset_id);
      return 0;
  end;
  return v_dropped;
end;
$$;

comment on function ampsync_worker.prune_formers()
  is 'Drop the former tables of one dataset whose time is over; returns how many.';
