-- Lets go of the targets of a dataset that is dropped: with p_drop they are dropped, otherwise
-- their comment says from now on how far they go, and below what their `_tx_id` are, from where
-- a later installation counts on (0001_core.sql). The tables of shadows are always dropped.
-- Returns and journals what became of each table.
--
-- Tables are known by their OIDs, so one that was renamed is found, and one that has its name
-- now is left alone. Called after close_fence.
--
-- Locks: the tables in the order of their OIDs, each access exclusive or share update
-- exclusive; readers are held up for as long as the caller's lock_timeout at most.
create or replace function ampsync_private.release_targets(
  p_dataset_id bigint,
  p_drop       boolean
)
  returns table (table_name text, state text, hint text)
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_dataset ampsync_private.dataset;
  v_label   text;
  v_table   record;
  v_name    text;
  v_dropped regclass[] := '{}';
  v_detail  text;
begin
  select d.* into strict v_dataset
    from ampsync_private.dataset d
   where d.dataset_id = p_dataset_id;
  v_label := v_dataset.label;
  perform ampsync_private.lock_dropped(array(
            select c.oid::regclass
              from ampsync_private.stream s
              join pg_class c on c.oid = s.target
             where s.dataset_id = p_dataset_id
               and (p_drop or s.shadow_of is not null)));
  for v_table in
    select s.stream_id, s.table_name, s.identity, s.checkpoint_block, s.shadow_of is not null as is_shadow,
           c.oid::regclass as target,
           quote_ident(n.nspname) || '.' || quote_ident(c.relname) as name, -- Of a dropped one a regclass is a number.
           c.oid is not null and (p_drop or s.shadow_of is not null) as is_dropped,
           (select string_agg(x.indexrelid::regclass::text, ', ') -- Its build was ended.
              from pg_index x
              join pg_class i on i.oid = x.indexrelid
              join ampsync_private.target_index t on t.stream_id = s.stream_id and t.index_name = i.relname
             where x.indrelid = c.oid and not x.indisvalid) as invalid_indexes,
           pg_has_role(c.relowner, 'usage')
             and starts_with(obj_description(c.oid, 'pg_class'), 'Kept in sync by ampsync') as has_comment
      from ampsync_private.stream s
      left join pg_class c on c.oid = s.target
      left join pg_namespace n on n.oid = c.relnamespace
     where s.dataset_id = p_dataset_id
     order by c.oid
  loop
    v_name := v_table.name;
    if v_table.is_dropped then
      call ampsync_private.check_may_drop(v_table.target);
    end if;
    if v_table.is_dropped or v_table.has_comment then
      begin
        execute format('lock table %s in %s mode', v_name,
                       case when v_table.is_dropped then 'access exclusive' else 'share update exclusive' end);
      exception
        when undefined_table or invalid_schema_name then
          null;
      end;
      if to_regclass(v_name) is distinct from v_table.target then -- It waited for somebody who changed that.
        raise exception using
          errcode = 'SY205',
          message = format('table %s was renamed or dropped meanwhile', v_name),
          detail  = 'Nothing was changed.',
          hint    = format('Try again: select ampsync.drop_sync(%L);', v_label);
      end if;
    end if;
    if v_table.is_dropped then
      v_dropped := v_dropped || v_table.target;
    elsif v_table.has_comment then
      execute format('comment on table %s is %L', v_name, case
                when v_dataset.kind = 'http'
                  then format('Was kept in sync by ampsync, from the HTTP source %s.', v_label)
                else format('Was kept in sync by ampsync, %s of %s; its rows end at block %s%s.',
                            v_table.table_name, v_label, coalesce(v_table.checkpoint_block::text, 'none'),
                            case when v_table.identity = 'transaction'
                                 then ', _tx_id below ' || nextval('ampsync_private.tx_id_seq') else '' end) end);
    end if;

    continue when v_table.is_shadow;
    table_name := v_table.table_name;
    state := case when v_table.target is null then 'gone' when v_table.is_dropped then 'dropped' else 'kept' end;
    hint := case when state = 'kept' and v_table.invalid_indexes is not null
                 then format('drop index %s; -- It was not finished. Or both: drop table %s;',
                             v_table.invalid_indexes, v_name)
                 when state = 'kept' and v_dataset.definition @> '{"adopt": true}' then null -- It was there before.
                 when state = 'kept' then format('drop table %s;', v_name)
                 when v_dataset.kind = 'http' then ampsync_private.http_statement(
                        v_label, v_dataset.definition, ampsync_private.target_option(
                          v_dataset.target_schema, ampsync_private.target_name(v_dataset, v_dataset.name)),
                        p_limit => null) -- From now on nothing else has it.
                 else format('select ampsync.enqueue_sync(%L);', v_label) end;
    return next;
    perform ampsync_private.journal(v_table.stream_id, 'table_released', jsonb_build_object(
              'table', v_name, 'state', state, 'block', v_table.checkpoint_block));
  end loop;

  if v_dropped <> '{}' then
    execute 'drop table ' || array_to_string(v_dropped, ', '); -- In one statement: they may refer to each other.
  end if;
exception
  when lock_not_available then
    raise exception using
      errcode = '55P03',
      message = format('table %s is in use', v_name),
      detail  = 'Nothing was changed: its lock was not available in time.',
      hint    = format('Try again once it is free. Who holds it: select a.pid, a.query from pg_locks l '
                       'join pg_stat_activity a using (pid) where l.relation = %L::regclass;', v_name);
  when dependent_objects_still_exist then
    get stacked diagnostics v_detail = pg_exception_detail;
    raise exception using
      errcode = '2BP01',
      message = format('tables of %s cannot be dropped: other objects depend on them', v_label),
      detail  = v_detail,
      hint    = format('Drop those first, or keep the tables: select ampsync.drop_sync(%L);', v_label);
end;
$$;

comment on function ampsync_private.release_targets(bigint, boolean)
  is 'Drop the targets of a dataset, or leave them with a comment; returns what became of each.';
