-- Raises SY201 for rows of a target that were to be deleted and are still there, with the
-- triggers and rules that can cause it.
create or replace procedure ampsync_private.raise_rows_kept(
  p_target regclass
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
begin
  raise exception using
    errcode = 'SY201',
    message = format('rows of table %s cannot be deleted: one of its triggers or rules keeps them', p_target),
    detail  = 'Nothing was written. Rows of replaced blocks must be gone before the new ones are written.',
    hint    = concat(
      (select string_agg(format('alter table %s disable trigger %I; ', p_target, t.tgname), '')
         from pg_trigger t
        where t.tgrelid = p_target and not t.tgisinternal and t.tgenabled <> 'D'
          and t.tgtype & 11 = 11), -- FOR EACH ROW, BEFORE, DELETE.
      (select string_agg(format('alter table %s disable rule %I; ', p_target, r.rulename), '')
         from pg_rewrite r
        where r.ev_class = p_target and r.ev_type = '4' and r.ev_enabled <> 'D'),
      (select format('select ampsync.resume_sync(%L);', ampsync_private.stream_label(s.stream_id))
         from ampsync_private.stream s
        where s.target = p_target));
end;
$$;

comment on procedure ampsync_private.raise_rows_kept(regclass)
  is 'Raise SY201 for rows of a target that a trigger or a rule keeps from being deleted.';
