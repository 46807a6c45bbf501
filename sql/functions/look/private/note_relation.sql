-- A Relation message, in WAL order: if it tells of a table of ours that is other than noted, the entries of the log
-- about that are written here, before the rows that come after it. Where something differs, the
-- supervisor looks at the table next: a look may wait for somebody who changes it, and the log lock is held here.
--
-- p_relation  {"before", "relation", "schema", "table", "identity", "columns": [{"name", "type", "typmod", "key"}]}
-- p_lsn, p_at of the commit of its transaction
-- p_previous  the Relation right before it: that of a partition comes after its root's, which is the only way to know a
--             partition that is none any more
--
-- Returns whether key or generated columns are others now: then its transaction must be decoded anew, once.
--
-- Locks: the row of `published`, then the log lock; 55P03 from hold_forms only.
create or replace function ampsync_private.note_relation(
  p_relation jsonb,
  p_lsn      pg_lsn,
  p_at       timestamptz,
  p_previous jsonb default null
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '50ms'
as $$
declare
  v_table   ampsync_private.published;
  v_found   jsonb;
  v_verdict jsonb;
  v_reread  boolean;
begin
  select * into v_table
    from ampsync_private.published p
   where p.relation = (p_relation ->> 'relation')::oid
     and p.mode = 'rows';
  if not found then
    perform ampsync_private.note_leaf(p_relation, p_lsn, p_at, p_previous);
    return false;
  end if;
  if v_table.state <> 'live' then
    return false;
  end if;

  if v_table.seen ->> 'token' is not null
     and ampsync_private.sent_form(v_table.seen -> 'found' -> 'columns')
         <> ampsync_private.form_of(p_relation -> 'columns') then
    perform ampsync_private.void_look(v_table.published_id); -- It is of before, or of after this.
  end if;
  if ampsync_private.is_as_noted(v_table, p_relation) then
    return false; -- Looked at before (look_before).
  end if;

  begin
    v_found := ampsync_private.read_form(v_table.published_id, false);
  exception
    when lock_not_available then -- Who changes it now makes it other than the message in any case.
      v_found := jsonb_build_object('storage', v_table.storage);
  end;
  if ampsync_private.sent_form(v_found -> 'columns') is distinct from
     ampsync_private.form_of(p_relation -> 'columns') then
    v_found := v_found || '{"columns": null}';
  end if;
  v_found := v_found || jsonb_build_object('schema', p_relation -> 'schema', 'table', p_relation -> 'table',
                                           'gone', false); -- Not yet, here.
  v_verdict := ampsync_private.judge_form(ampsync_private.form_as_noted(v_table), v_found, '{}', false);

  if jsonb_typeof(v_found -> 'columns') <> 'array' then
    v_found := v_found || jsonb_build_object(
                 'columns', ampsync_private.relation_columns(p_relation -> 'columns', v_table.columns));
    v_verdict := v_verdict || '{"columns_differ": true}';
  end if;
  if v_table.migrating is not null and v_verdict ->> 'verdict' in ('added', 'found', 'renamed', 'floor')
     and ampsync_private.form_of(v_table.migrating -> 'columns') = ampsync_private.form_of(v_found -> 'columns') then
    v_found := v_found || jsonb_build_object('columns', v_table.migrating -> 'columns');
    v_verdict := v_verdict || case when ampsync_private.shapes_lose(v_table, v_found -> 'columns')
                                then '{"verdict": "floor", "columns_differ": false, "renamed": false}'::jsonb
                                else '{"verdict": "renew"}' end; -- Told by the migration's own entry.
  end if;

  v_reread := ampsync_private.apply_form(v_table.published_id, v_verdict, v_found, false, p_lsn, p_at)
              and p_lsn is distinct from v_table.reread_lsn;
  perform ampsync_private.void_look(v_table.published_id);
  update ampsync_private.published p
     set reread_lsn = case when v_reread then p_lsn else p.reread_lsn end,
         migrating  = null,
         looked_at  = null, -- By the next run of the supervisor, for what the message does not tell.
         seen       = case when v_verdict ->> 'verdict' = 'floor'
                           then coalesce(p.seen, '{}') || jsonb_build_object(
                                  'floored', ampsync_private.noted_storage(v_found -> 'storage'))
                           else p.seen end
   where p.published_id = v_table.published_id;
  return v_reread;
end;
$$;

comment on function ampsync_private.note_relation(jsonb, pg_lsn, timestamptz, jsonb)
  is 'A Relation message in WAL order: the entries about a table that is other than noted stand here.';
