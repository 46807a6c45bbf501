-- A message ampsync/schema, in WAL order: what its look found stands here in the log. Never the catalogue of now, which
-- may be ahead of WAL: a second rewrite would be lost.
--
-- Returns refused where no look of ours has this token (anybody may write messages), reread where rows after it must
-- be decoded anew, else taken.
--
-- Locks: the row of `published`, then the log lock.
create or replace function ampsync_private.note_look(
  p_token text,
  p_lsn   pg_lsn,
  p_at    timestamptz
)
  returns text
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_table   ampsync_private.published;
  v_found   jsonb;
  v_verdict jsonb;
  v_floored jsonb;
  v_reread  boolean := false;
begin
  select * into v_table
    from ampsync_private.published p
   where p.mode = 'rows'
     and (p.seen ->> 'token' = p_token or p.seen -> 'void' ? p_token)
     for no key update;
  if not found then
    return 'refused';
  end if;
  if v_table.seen ->> 'token' is distinct from p_token then
    update ampsync_private.published p
       set seen = nullif(p.seen || jsonb_build_object('void', (p.seen -> 'void') - p_token), '{"void": []}')
     where p.published_id = v_table.published_id;
    return 'taken';
  end if;

  v_found := v_table.seen -> 'found';
  v_verdict := ampsync_private.judge_form(ampsync_private.form_as_noted(v_table), v_found,
                                           ampsync_private.truncating_xids(v_table.published_id, v_found), true);
  if v_verdict ->> 'verdict' = 'floor' and jsonb_typeof(v_table.seen -> 'floored') = 'object' then
    v_floored := ampsync_private.judge_form(
                   ampsync_private.form_as_noted(v_table) || jsonb_build_object('storage', v_table.seen -> 'floored'),
                   v_found, ampsync_private.truncating_xids(v_table.published_id, v_found), true);
    if v_floored ->> 'verdict' <> 'floor' then -- All of it had happened when the table got its last floor.
      v_verdict := v_floored
                   || case v_floored ->> 'verdict' when 'none' then '{"verdict": "renew"}'::jsonb else '{}' end;
      -- But perhaps behind that floor in WAL: what was between cannot be told.
      update ampsync_private.published p
         set rebuildable_from = pg_sequence_last_value('ampsync_private.position')
       where p.published_id = v_table.published_id;
    end if;
  end if;
  if v_table.migrating is not null and v_verdict ->> 'verdict' in ('added', 'found', 'renamed')
     and v_table.migrating -> 'columns' = v_found -> 'columns' then
    v_verdict := v_verdict || '{"verdict": "renew"}'; -- Told by the migration's own entry.
  end if;
  if v_table.state in ('live', 'failed') and v_verdict ->> 'verdict' <> 'none' then
    v_reread := ampsync_private.apply_form(v_table.published_id, v_verdict, v_found, true, p_lsn, p_at);
  end if;
  update ampsync_private.published p
     set seen      = nullif(jsonb_build_object('void', coalesce(p.seen -> 'void', '[]')), '{"void": []}'),
         migrating = null
   where p.published_id = v_table.published_id;
  return case when v_reread then 'reread' else 'taken' end;
end;
$$;

comment on function ampsync_private.note_look(text, pg_lsn, timestamptz)
  is 'What a look found stands here in the log: its message came back.';
