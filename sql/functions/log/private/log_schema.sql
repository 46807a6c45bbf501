-- Says in the log that name, columns or constraints of a published target are others than before, in
-- the transaction that changed them or found them changed: a version with the next build number. Where
-- clients cannot follow by statements (can_follow), and for a table in the place of another one, a new floor
-- as well. Nothing happens where all is as it was; the first look at a table that is about to be published is
-- that of activate_targets.
--
-- Called last, but for log_blocks and the lease check: what is changed under another lock stands before.
--
-- Locks, where something differs: the stream row, rows of the table in `published`, the log lock.
create or replace function ampsync_private.log_schema(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table      ampsync_private.published;
  v_now        record;
  v_name       text;
  v_reason     text;
  v_statements jsonb; -- By which clients follow; null: they load the table anew.
begin
  for v_look in 1 .. 2 loop
    select p.* into v_table
      from ampsync_private.published p
     where p.stream_id = p_stream_id
       and p.state = 'live';
    if not found then
      return;
    end if;
    select c.oid::regclass as relation, n.nspname as schema_name, c.relname as table_name,
           ampsync_private.published_columns(c.oid) as columns
      into v_now
      from ampsync_private.stream s
      join pg_class c on c.oid = s.target
      join pg_namespace n on n.oid = c.relnamespace
     where s.stream_id = p_stream_id;
    if not found -- At this moment: that of a resync will come.
       or (v_now.relation, v_now.schema_name, v_now.table_name, v_now.columns)
          is not distinct from (v_table.relation, v_table.schema_name, v_table.table_name, v_table.columns) then
      return;
    end if;
    if v_look = 1 then -- Nearly always nothing differs, and nothing is locked.
      perform 1 from ampsync_private.stream s where s.stream_id = p_stream_id for no key update;
      perform ampsync_private.hold_target_row(p_stream_id);
    end if;
  end loop;

  v_name := format('%I.%I', v_now.schema_name, v_now.table_name);
  v_reason := case when v_now.relation is distinct from v_table.relation then 'another table took its place'
                   when v_now.columns <> v_table.columns then 'its columns changed'
                   else 'it was renamed' end;
  if v_now.relation is not distinct from v_table.relation
     and ampsync_private.can_follow(v_table.columns, v_now.columns) then
    v_statements := ampsync_private.client_statements(
                      jsonb_build_object('schema', v_table.schema_name, 'table', v_table.table_name,
                                         'columns', v_table.columns),
                      jsonb_build_object('schema', v_now.schema_name, 'table', v_now.table_name,
                                         'columns', v_now.columns), '{}');
  end if;
  perform ampsync_private.end_captured(v_now.relation);
  update ampsync_private.published p
     set relation    = v_now.relation,
         schema_name = v_now.schema_name,
         table_name  = v_now.table_name,
         columns     = v_now.columns
   where p.published_id = v_table.published_id;

  perform ampsync_private.enter_found_version(v_table, v_name, v_reason, v_statements);
  if v_statements is null then
    perform ampsync_private.raise_floor(v_table.published_id, v_reason);
  end if;
end;
$$;

comment on function ampsync_private.log_schema(bigint)
  is 'Say in the log that name, columns or constraints of a published target are others than before.';
