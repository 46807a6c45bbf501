-- Looks whether a captured table is other than noted, and if so keeps what it found, and sends the message
-- `ampsync/schema` with a random token. Where that comes back in WAL (note_look) the change has its place in the log:
-- everything that was read here had committed before it. Returns whether a look is on its way since.
--
-- One look is out at a time. One that did not come back within ten minutes, though what was written then has been
-- read, is lost, as with a slot.
--
-- `floored` in published.seen is the storage as it was read when the table just got a floor: what had changed by then
-- costs no other one, since whoever loads the table because of that floor reads it later.
--
-- Columns and storage are read first, and only then is the message written. A table that somebody keeps locked is
-- left to the next look.
--
-- Locks: the row of `published`, if nobody else has it; ACCESS SHARE on the table for a moment (read_form).
create or replace function ampsync_private.look_at(
  p_published_id integer
)
  returns boolean
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '300ms'
as $$
declare
  v_table ampsync_private.published;
  v_found jsonb;
  v_token text := gen_random_uuid();
begin
  select * into v_table
    from ampsync_private.published p
   where p.published_id = p_published_id
     and p.mode = 'rows'
     and p.state in ('live', 'failed')
     and p.storage is not null
     for no key update skip locked;
  if not found
     or v_table.seen ->> 'token' is not null
        and not ((v_table.seen ->> 'at')::timestamptz < ampsync_private.now() - interval '10 min'
                 and exists (select 1
                               from ampsync_private.capture c
                              where greatest(c.end_lsn, c.idle_lsn) > (v_table.seen ->> 'lsn')::pg_lsn)) then
    return false;
  end if;

  begin
    if v_table.state = 'live' and not ampsync_private.form_differs(p_published_id) then
      return false;
    end if;
    v_found := ampsync_private.read_form(p_published_id);
  exception
    when lock_not_available then
      return false;
  end;
  if v_table.state = 'failed' and v_found ->> 'refused' = v_table.error ->> 'detail'
     or ampsync_private.judge_form(ampsync_private.form_as_noted(v_table), v_found,
          ampsync_private.truncating_xids(p_published_id, v_found), true) ->> 'verdict' = 'none' then
    return false;
  end if;

  update ampsync_private.published p
     set seen = jsonb_build_object('token', v_token, 'at', ampsync_private.now(), 'lsn', pg_current_wal_insert_lsn(),
                                   'found', v_found, 'floored', p.seen -> 'floored',
                                   'void', coalesce(p.seen -> 'void', '[]')
                                           || case when p.seen ->> 'token' is null then '[]'
                                                   else jsonb_build_array(p.seen -> 'token') end)
   where p.published_id = p_published_id;
  perform pg_logical_emit_message(true, 'ampsync/schema', v_token);
  return true;
end;
$$;

comment on function ampsync_private.look_at(integer)
  is 'Look whether a captured table is other than noted; if so, a message marks the place in WAL.';
