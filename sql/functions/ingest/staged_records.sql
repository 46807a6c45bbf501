-- The records of an HTTP source that a commit has copied and not stored yet, one JSON object of its columns each: as
-- far as the caller's transaction sees them, so those of a commit under way are seen by nobody else. Views read staging
-- through this function, so that none of them depends on a table that is replaced, and their readers need no rights on
-- it.
--
-- dataset: the source, as it was enqueued. No row for what is none, and while nothing is staged.
--
-- Runs with its owner's rights. Locks: the staging table (access share).
create or replace function ampsync.staged_records(
  dataset text
)
  returns setof jsonb
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_staging regclass;
  v_values  text;
begin
  select ampsync_private.staging_table(s.stream_id), string_agg(
           format('%s as %I', ampsync_private.column_value(c.value, 's.r'), c.value ->> 'name'), ', ')
    into v_staging, v_values
    from ampsync_private.dataset d
    join ampsync_private.stream s using (dataset_id)
   cross join jsonb_array_elements(ampsync_private.full_columns(d.definition)) c(value)
   where d.label = staged_records.dataset
     and d.kind = 'http'
   group by s.stream_id;
  if v_staging is not null then
    return query execute format(
      'select to_jsonb(v) from (select p.n, p.record::jsonb as r from %s p order by p.n offset 0) s '
      'cross join lateral (select %s) v', v_staging, v_values);
  end if;
end;
$$;

comment on function ampsync.staged_records(text)
  is 'The records that a commit of an HTTP source has copied and not stored yet.';
