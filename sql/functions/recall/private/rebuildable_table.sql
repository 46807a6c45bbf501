-- The publication of a table that can be rebuilt at former positions: captured, live, with whole old rows. SY401
-- otherwise.
create or replace function ampsync_private.rebuildable_table(
  p_target regclass
)
  returns ampsync_private.published
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table ampsync_private.published;
begin
  select * into v_table
    from ampsync_private.published p
   where p.relation = p_target;
  if v_table.mode = 'blocks' then
    perform ampsync_private.raise_not_published(p_target::text, 'has no history of rows',
              'It is a table of a dataset: its blocks are in the table itself.',
              format('select * from %s where _block_num <= 1000; -- As it was at a block.', p_target));
  elsif v_table.identity = 'key' then
    perform ampsync_private.raise_not_published(p_target::text, 'is published without old rows',
              'Under identity key the log has the new row of an update alone.',
              format('select ampsync.publish(%L, identity => ''full''); -- It can be rebuilt from then on.',
                     p_target::text));
  elsif v_table.published_id is null or v_table.state <> 'live' then
    perform ampsync_private.raise_not_published(coalesce(p_target::text, 'null'),
              case v_table.state when 'starting' then 'is not live yet'
                                 when 'failed' then 'is captured no more'
                                 else 'is not published' end,
              case v_table.state
                when 'starting' then 'Its history begins when ampsync.publications says that it is live.'
                when 'failed' then format('It has failed: %s', v_table.error ->> 'message')
                else 'A table can be rebuilt from when it was published.' end,
              case when v_table.state in ('starting', 'failed')
                     then 'select table_name, state, reason, hint from ampsync.publications;'
                   else format('select ampsync.publish(%L);', coalesce(p_target::text, 'public.todos')) end);
  end if;
  return v_table;
end;
$$;

comment on function ampsync_private.rebuildable_table(regclass)
  is 'The publication of a table that can be rebuilt at former positions.';
