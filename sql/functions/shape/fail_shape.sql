-- A shape whose filter failed on a row fails by itself: its clients are told, everybody else goes on. False where it is
-- another one by now, or has failed before.
--
-- p_key   of the row; p_code the SQLSTATE. What else stood in the row is shown to nobody
--
-- Locks: the row of the shape, 2 s at most.
create or replace function ampsync_worker.fail_shape(
  p_shape      integer,
  p_definition text,
  p_key        text,
  p_code       text
)
  returns boolean
  language plpgsql
  volatile
  security definer
  set search_path = pg_catalog, pg_temp
  set lock_timeout = '2s'
as $$
declare
  v_name text;
begin
  update ampsync_private.shape s
     set state = 'failed',
         since = ampsync_private.now(),
         error = jsonb_build_object(
                   'code', 'SY414',
                   'message', format('the filter of the shape %L failed on a row', s.name),
                   'detail', format('Key %s, SQLSTATE %s.', left(p_key, 1000), left(p_code, 5)),
                   'hint', format('select ampsync.retry_shape(%L); -- once the row is another one', s.name))
   where s.shape_id = p_shape
     and s.definition = p_definition
     and s.state = 'live'
  returning s.name into v_name;
  if v_name is null then
    return false;
  end if;
  perform ampsync_private.journal(null, 'shape_failed', jsonb_build_object(
            'shape', v_name, 'code', 'SY414', 'key', left(p_key, 1000), 'sqlstate', left(p_code, 5)));
  return true;
end;
$$;

comment on function ampsync_worker.fail_shape(integer, text, text, text)
  is 'Let a shape fail whose filter failed on a row.';
