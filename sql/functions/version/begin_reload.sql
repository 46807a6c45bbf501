-- What a reload job has to look at: the version that a dataset was offered, how the server's SQL
-- names it, and the tables that must fit it, with their excluded columns. No row if there is
-- nothing to do: no version is offered, or it was declined, or all streams are paused.
--
-- Idempotent, but for the journal.
create or replace function ampsync_worker.begin_reload(
  p_dataset_id bigint
)
  returns table (
    dataset       text,
    namespace     text,
    name          text,
    version       text,
    manifest_hash text,
    source_schema text,
    tables        jsonb,
    flight_addr   text,
    admin_addr    text
  )
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset ampsync_private.dataset;
begin
  select * into v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id
     and ampsync_private.wants_reload(d);
  if not found then
    return;
  end if;

  if v_dataset.offered_attempts = 0 then
    perform ampsync_private.journal(null, 'version_change_detected', jsonb_build_object(
              'from', coalesce(v_dataset.resolved_version, v_dataset.resolved_hash),
              'to', v_dataset.offered_version, 'manifest_hash', v_dataset.offered_hash), p_dataset_id);
  end if;

  return query
  select v_dataset.label, v_dataset.namespace, v_dataset.name, v_dataset.offered_version, v_dataset.offered_hash,
         ampsync_private.source_schema(v_dataset, v_dataset.offered_version),
         (select coalesce(jsonb_object_agg(s.table_name, coalesce(v_dataset.exclude_columns -> s.table_name, '[]')),
                          '{}')
            from ampsync_private.stream s
           where s.dataset_id = p_dataset_id
             and s.target is not null
             and s.query is null),
         v_dataset.flight_addr, v_dataset.admin_addr;
end;
$$;

comment on function ampsync_worker.begin_reload(bigint)
  is 'The version that a reload job looks at, and the tables that must fit it; no row if there is nothing to do.';
