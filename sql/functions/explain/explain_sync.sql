-- What a sync does, or would do, before it happens: the statements that make or change its
-- tables, the queries that are sent to the Amp server, where each table resumes, how much there
-- is to load, and what stands in the way. Nothing of it is done.
--
-- Works for datasets that are not synced too, with the default options; with others inside a
-- transaction that is rolled back:
--
--   begin;
--   select ampsync.enqueue_sync('my_dataset', target_schema => 'eth', from_block => 19000000);
--   select * from ampsync.explain_sync('my_dataset');
--   rollback;
--
-- What the server has is asked by a job, so a worker must run: the first call says that it
-- asks, later ones show the last answer, and ask again if it is older than 10 s.
--
-- step:
--   ask      the server is being asked, or could not answer: what is known without it follows
--   version  the version that the tables would have
--   refuse   what would stop this table, and the statement that helps
--   create, add_column, widen_column, drop_not_null   a statement that changes the database
--   orphan   the version lacks this table: it would keep its rows, and get no more
--   query    the query for the Amp server
--   resume   the block after which it goes on
--   load     how many blocks there are to load
--   index    an index that the table gets once it has reached the head
--   upgrade  a version that is offered, or is built beside the tables, whatever the steps above say
--   swap     what is built beside a table, and whether it will be merged into it or replace it
--
-- statement runs in this database, but for step query.
--
-- Locks: those of enqueue_sync and register_streams, given back before the row of the answer,
-- which comes last: set_source has the row of the dataset when it takes that.
create or replace function ampsync.explain_sync(
  dataset        text,
  out table_name text,
  out step       text,
  out statement  text,
  out detail     text
)
  returns setof record
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_ref        record := ampsync_private.parse_reference(explain_sync.dataset);
  v_dataset_id bigint;
  v_is_asked   boolean;
  v_answer     ampsync_private.answer;
  v_steps      jsonb;
  v_swaps      jsonb;
begin
  if exists (select 1
               from ampsync_private.dataset d
              where (d.namespace, d.name) = (v_ref.namespace, v_ref.name)
                and coalesce(d.revision = v_ref.revision, v_ref.revision is null)) then
    v_dataset_id := ampsync_private.find_dataset(explain_sync.dataset);
    perform ampsync_private.refuse_http(v_dataset_id, 'explain_sync');
    select d.namespace, d.name, d.revision into v_ref
      from ampsync_private.dataset d
     where d.dataset_id = v_dataset_id;
  end if;
  v_is_asked := not exists (select 1
                              from ampsync_private.dataset d
                             where d.dataset_id = v_dataset_id
                               and ampsync_private.has_only_queries(d));
  select * into v_answer
    from ampsync_private.answer a
   where v_is_asked
     and (a.namespace, a.name) = (v_ref.namespace, v_ref.name)
     and a.revision is not distinct from v_ref.revision;

  v_swaps := (select jsonb_agg(to_jsonb(e)) from ampsync_private.explain_swaps(v_dataset_id) e);
  begin
    if v_dataset_id is null then
      perform ampsync.enqueue_sync(explain_sync.dataset);
      v_dataset_id := ampsync_private.find_dataset(explain_sync.dataset);
    end if;
    if v_answer.tables is not null then
      update ampsync_private.dataset d -- As adopt_version calls it: an older answer would be ignored.
         set offered_version = v_answer.version, offered_hash = v_answer.manifest_hash
       where d.dataset_id = v_dataset_id;
      perform ampsync_worker.register_streams(
        v_dataset_id, v_answer.version, v_answer.manifest_hash,
        array(select t.value ->> 'table' from jsonb_array_elements(v_answer.tables) t), v_answer.has_namespaces);
    end if;
    select jsonb_agg(to_jsonb(e)) into v_steps
      from ampsync_private.explain_steps(v_dataset_id, v_is_asked, v_answer.answer_id) e;
    raise exception using
      errcode = 'AEXPL', -- Of no error class: nothing else raises it.
      message = 'explained',
      detail  = 'What this block did is taken back; its answer stays.',
      hint    = format('select * from ampsync.explain_sync(%L);', explain_sync.dataset);
  exception
    when sqlstate 'AEXPL' then
      null;
  end;
  if v_is_asked then
    perform ampsync_private.ask_server(v_ref.namespace, v_ref.name, v_ref.revision);
  end if;

  return query
  select e.table_name, e.step, e.statement, e.detail
    from jsonb_array_elements(coalesce(v_steps, '[]') || coalesce(v_swaps, '[]')) with ordinality s(value, n)
   cross join lateral jsonb_to_record(s.value) as e(table_name text, step text, statement text, detail text)
   order by s.n;
end;
$$;

comment on function ampsync.explain_sync(text)
  is 'What a sync does or would do: statements, queries, where it resumes, and what stands in the way.';
