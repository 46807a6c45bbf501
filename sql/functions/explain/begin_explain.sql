-- What a job asks the Amp server for: the reference of a dataset. No row if nobody wants to know
-- any more.
create or replace function ampsync_worker.begin_explain(
  p_answer_id bigint
)
  returns table (namespace text, name text, revision text, tables text[], flight_addr text, admin_addr text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  select a.namespace, a.name, a.revision, d.tables, d.flight_addr, d.admin_addr
    from ampsync_private.answer a
    left join ampsync_private.dataset d
           on (d.namespace, d.name) = (a.namespace, a.name)
          and d.revision is not distinct from a.revision
   where a.answer_id = p_answer_id;
$$;

comment on function ampsync_worker.begin_explain(bigint)
  is 'The reference that a job asks the Amp server for, on behalf of ampsync.explain_sync.';
