-- Which of the tables of a version are to be planned for ampsync.explain_sync, each with the
-- columns that are left out, and under which name the SQL of the server has them. No row if
-- nobody wants to know any more. Reads only.
create or replace function ampsync_worker.tables_to_explain(
  p_answer_id      bigint,
  p_version        text,
  p_tables         text[],
  p_has_namespaces boolean
)
  returns table (source_schema text, tables jsonb)
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_answer  ampsync_private.answer;
  v_dataset ampsync_private.dataset;
begin
  select * into v_answer
    from ampsync_private.answer a
   where a.answer_id = p_answer_id;
  if not found then
    return;
  end if;

  select * into v_dataset
    from ampsync_private.dataset d
   where (d.namespace, d.name) = (v_answer.namespace, v_answer.name)
     and d.revision is not distinct from v_answer.revision;
  v_dataset.namespace      := v_answer.namespace;
  v_dataset.name           := v_answer.name;
  v_dataset.revision       := v_answer.revision;
  v_dataset.has_namespaces := p_has_namespaces;

  return query
  select ampsync_private.source_schema(v_dataset, p_version),
         (select coalesce(jsonb_object_agg(t.name, coalesce(v_dataset.exclude_columns -> t.name, '[]')), '{}')
            from unnest(p_tables) t(name)
           where v_dataset.tables is null or t.name = any (v_dataset.tables));
end;
$$;

comment on function ampsync_worker.tables_to_explain(bigint, text, text[], boolean)
  is 'Which tables of a version are to be planned for ampsync.explain_sync.';
