-- The rows of ampsync.explain_sync for a dataset, in their order: what holds for all tables, then
-- table by table. Called when the dataset is registered with what the server answered.
--
-- p_is_asked   false for a dataset of queries alone, about which the server is not asked
-- p_answer_id  null while it has not been asked yet
create or replace function ampsync_private.explain_steps(
  p_dataset_id bigint,
  p_is_asked   boolean,
  p_answer_id  bigint
)
  returns table (table_name text, step text, statement text, detail text)
  language sql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  with dataset as (
    select d.*, a.version, a.manifest_hash, a.tables as answered, a.answered_at, a.head, a.error as trouble
      from ampsync_private.dataset d
      left join ampsync_private.answer a on a.answer_id = p_answer_id
     where d.dataset_id = p_dataset_id
  ),
  part as (
    select coalesce(s.table_name, t.value ->> 'table') as table_name, s.stream_id, t.value as plan,
           t.value is null and d.answered is not null and s.query is null as is_gone,
           s.from_block, s.checkpoint_block, s.target_schema, s.target_table, s.target, s.identity, s.columns,
           s.has_block_num,
           coalesce(d.version, d.manifest_hash, s.version, s.manifest_hash) as version,
           d.head, d as options
      from dataset d
      join ampsync_private.stream s on s.dataset_id = d.dataset_id and s.shadow_of is null
      left join lateral jsonb_array_elements(d.answered) t
             on t.value ->> 'table' = s.table_name and s.query is null
  )
  select null, o.step, o.statement, o.detail
    from dataset d
   cross join lateral (
     select 1 as n, 'ask' as step, format('select * from ampsync.explain_sync(%L);', d.label) as statement,
            'The Amp server is being asked what it has: call again. Without a worker nobody asks: '
            'select * from ampsync.workers;' as detail
      where d.answered_at is null and p_is_asked
     union all
     select 1, 'ask', d.trouble ->> 'hint', concat_ws(' ', d.trouble ->> 'message', d.trouble ->> 'detail')
      where d.trouble is not null
     union all
     select 2, 'version', null, format('version %s, as the Amp server said at %s', d.version, d.answered_at)
      where d.answered is not null
     union all
     select 3, 'refuse', d.error ->> 'hint', concat_ws(' ', d.error ->> 'message', d.error ->> 'detail')
      where d.error is not null
   ) o
  union all
  select p.table_name, o.step, o.statement, o.detail
    from part p
   cross join lateral (
     select 1, 'orphan', null, 'The version lacks this table: it keeps its rows and gets no more.'
      where p.is_gone
     union all
     select 2, 'ask', format('select * from ampsync.explain_sync(%L);', (p.options).label),
            'The table was not wanted yet when the Amp server was asked: call again after 10 s.'
      where p.plan is not null and p.plan ->> 'columns' is null and p.plan ->> 'error' is null
     union all
     select 2, 'refuse', p.plan -> 'error' ->> 'hint',
            concat_ws(' ', p.plan -> 'error' ->> 'message', p.plan -> 'error' ->> 'detail')
      where p.plan ->> 'error' is not null
     union all
     select 3, 'create', d.ddl, null
       from ampsync_private.target_ddl(
              p.target_schema, p.target_table, (p.plan ->> 'has_block_num')::boolean,
              ampsync_private.first_columns(p.stream_id, p.plan -> 'columns'), p.identity) d(ddl)
      where p.target is null and p.plan ->> 'columns' is not null
     union all
     select 3, e.action, coalesce(e.ddl, e.remedy, format('select ampsync.resync(%L);', (p.options).label)),
            concat_ws(': ', e.refusal, e.column_name)
       from ampsync_private.plan_evolution(
              p.stream_id, (p.plan ->> 'has_block_num')::boolean, p.plan -> 'columns') e
      where p.target is not null and p.plan ->> 'columns' is not null and e.action not in ('keep', 'forget_column')
     union all
     select 4, 'query', q.sql, null
       from ampsync_private.explain_query(p.stream_id, p.version, p.plan) q(sql)
      where not p.is_gone and q.sql is not null
     union all
     select 5, 'resume', null,
            case when p.checkpoint_block is not null then format('after block %s', p.checkpoint_block)
                 when p.from_block > 0
                   then format('from the first block; rows from block %s on are stored', p.from_block)
                 else 'from the first block' end
      where not p.is_gone
     union all
     select 6, 'load', null, format('%s blocks up to block %s', p.head - coalesce(p.checkpoint_block, -1), p.head)
      where not p.is_gone and p.head > coalesce(p.checkpoint_block, -1)
     union all
     select 6 + i.position, 'index',
            format('create index concurrently on %I.%I using %s (%s)', p.target_schema, p.target_table, i.method,
                   ampsync_private.index_column_list(i.columns, i.options)),
            'built once the table has reached the head'
       from ampsync_private.wanted_indexes(
              p_dataset_id, p.table_name, coalesce((p.plan ->> 'has_block_num')::boolean, p.has_block_num),
              coalesce(nullif(p.plan -> 'columns', 'null'), p.columns)) i
      where not p.is_gone and coalesce(p.plan ->> 'columns', p.columns::text) is not null
        and ampsync_private.serving_index(p.target, i.method, i.columns, i.options) is null
   ) o(n, step, statement, detail);
$$;

comment on function ampsync_private.explain_steps(bigint, boolean, bigint)
  is 'The rows of ampsync.explain_sync.';
