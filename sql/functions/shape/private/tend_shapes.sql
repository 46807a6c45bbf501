-- What the supervisor does for shapes: those that do not fit their table any more, or whose publication has ended, have
-- failed from now on, whatever becomes of the table, but for those whose types a restored dump gave other numbers;
-- windows follow the newest blocks. Rows that say that definitions changed go after a day: by then whoever knew the
-- former ones has others.
--
-- Locks: rows of shapes that are free.
create or replace function ampsync_private.tend_shapes()
  returns void
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_shape record;
begin
  for v_shape in
    select s.shape_id, u.uses
      from ampsync_private.shape s
      join ampsync_private.published p using (published_id)
     cross join lateral ampsync_private.renumbered_uses(s, p) u(uses)
     where s.state = 'live'
       and u.uses is not null
     order by s.shape_id
       for no key update of s skip locked
  loop
    update ampsync_private.shape s
       set uses    = v_shape.uses,
           made_at = ampsync_private.log_head()
     where s.shape_id = v_shape.shape_id;
  end loop;

  for v_shape in
    select s.shape_id, s.name, ampsync_private.shape_error(s, p) as error
      from ampsync_private.shape s
      join ampsync_private.published p using (published_id)
     where s.state = 'live'
       and ampsync_private.shape_error(s, p) ->> 'code' in ('SY401', 'SY413')
     order by s.shape_id
       for no key update of s skip locked
  loop
    update ampsync_private.shape s
       set state = 'failed',
           since = ampsync_private.now(),
           error = v_shape.error
     where s.shape_id = v_shape.shape_id;
    perform ampsync_private.journal(null, 'shape_failed', jsonb_build_object(
              'shape', v_shape.name, 'code', v_shape.error ->> 'code', 'reason', v_shape.error ->> 'message'));
  end loop;

  perform ampsync_worker.raise_low();
  delete from ampsync_private.definition_change c
   where c.at < ampsync_private.now() - interval '1 day'
     and c.id < (select max(n.id) from ampsync_private.definition_change n);
end;
$$;

comment on function ampsync_private.tend_shapes()
  is 'What the supervisor does for shapes.';
