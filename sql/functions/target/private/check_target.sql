-- Refuses to write into a table that is not, or no longer, the target of a stream under its
-- name; that somebody else owns, which is neither our role nor ampsync_worker, if that is one of
-- ours; that is in a schema of somebody who is not trusted (untrusted_owner); or whose rows row
-- level security hides from us: a removal would leave them.
create or replace function ampsync_private.check_target(
  p_stream ampsync_private.stream
)
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_name   text := format('%I.%I', p_stream.target_schema, p_stream.target_table);
  v_writer name;
  v_table  record;
begin
  call ampsync_private.check_target_name(p_stream);

  select n.oid as schema_id, c.relowner as owner_id, pg_get_userbyid(c.relowner) as owner,
         c.relowner = n.nspowner as owns_schema, row_security_active(c.oid) as hides_rows
    into strict v_table
    from pg_class c
    join pg_namespace n on n.oid = c.relnamespace
   where c.oid = p_stream.target;

  if v_table.owner <> current_user
     and not (ampsync_private.is_shared_writer(v_table.owner_id) and pg_has_role(v_table.owner_id, 'usage')) then
    v_writer := ampsync_private.writer();
    raise exception using
      errcode = 'SY201',
      message = format('table %s belongs to %I, not to %I, which writes it', v_name, v_table.owner, v_writer),
      detail  = 'Nothing was written. A trigger that the owner adds would run as the worker.',
      hint    = case when v_writer <> current_user and not has_schema_privilege(v_writer, v_table.schema_id, 'create')
                     then format('grant usage, create on schema %I to %I; ', p_stream.target_schema, v_writer)
                     else '' end
                || format('alter table %s owner to %I; select ampsync.resume_sync(%L);', v_name, v_writer,
                          ampsync_private.stream_label(p_stream.stream_id));
  end if;
  if not v_table.owns_schema then
    perform ampsync_private.check_schema(p_stream.stream_id, p_stream.target_schema);
  end if;
  if v_table.hides_rows then
    raise exception using
      errcode = 'SY201',
      message = format('row level security is forced on table %s, so ampsync cannot see all of its rows', v_name),
      detail  = 'Nothing was written. A reorg could not remove hidden rows. Readers stay restricted when row level '
                'security is not forced on the owner.',
      hint    = format('alter table %s no force row level security; select ampsync.resume_sync(%L);', v_name,
                       ampsync_private.stream_label(p_stream.stream_id));
  end if;
end;
$$;

comment on function ampsync_private.check_target(ampsync_private.stream)
  is 'Raise SY201 or SY205 unless a stream''s target is the table it was, under its name, and safe to write.';
