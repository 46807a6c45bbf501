-- Adopts the name that a stream's target has now, and shows its checkpoints in that schema. A
-- stream without a table goes where the other tables of its dataset went, if its schema is
-- gone. Raises SY201 if the rename cannot be followed, 42501 if its schema is closed to this role.
--
-- Called while nobody writes to the stream. Idempotent.
--
-- Locks: an advisory lock on the name of the new schema, then the stream row; the dataset row
-- if it is not locked.
create or replace function ampsync_private.follow_target(
  p_stream_id bigint
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_stream ampsync_private.stream;
  v_place  record;
begin
  select * into strict v_stream
    from ampsync_private.stream s
   where s.stream_id = p_stream_id;

  if v_stream.target is null then
    update ampsync_private.stream s
       set target_schema = d.target_schema
      from ampsync_private.dataset d
     where s.stream_id = p_stream_id
       and s.shadow_of is null
       and d.dataset_id = s.dataset_id
       and d.target_schema <> s.target_schema;
    return;
  end if;
  perform ampsync_private.check_may_read(to_regnamespace(quote_ident(v_stream.target_schema)), null);
  if to_regclass(format('%I.%I', v_stream.target_schema, v_stream.target_table)) = v_stream.target then
    return;
  end if;

  select * into strict v_place
    from ampsync_private.find_target(p_stream_id);
  if v_place.fault is not null then
    call ampsync_private.raise_target_moved(p_stream_id);
  end if;

  if v_place.target_schema <> v_stream.target_schema then
    perform ampsync_private.show_checkpoints(v_place.target_schema);
  end if;
  update ampsync_private.stream s
     set target_schema = v_place.target_schema, target_table = v_place.target_table
   where s.stream_id = p_stream_id;

  -- New tables go where the others are. Not waited for: the next table that is followed does this too.
  if v_stream.shadow_of is null and to_regnamespace(quote_ident(v_stream.target_schema)) is null then
    update ampsync_private.dataset d
       set target_schema = v_place.target_schema
     where d.dataset_id in (select f.dataset_id
                              from ampsync_private.dataset f
                             where f.dataset_id = v_stream.dataset_id
                               and f.target_schema = v_stream.target_schema
                               for no key update skip locked);
  end if;

  perform ampsync_private.journal(p_stream_id, 'target_renamed', jsonb_build_object(
    'from', format('%I.%I', v_stream.target_schema, v_stream.target_table),
    'to', format('%I.%I', v_place.target_schema, v_place.target_table)));
end;
$$;

comment on function ampsync_private.follow_target(bigint)
  is 'Adopt the name that a stream''s target has now; SY201 if that is impossible.';
