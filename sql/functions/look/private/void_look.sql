-- What a look found is out of date: its message will be passed over.
create or replace function ampsync_private.void_look(
  p_published_id integer
)
  returns void
  language sql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
  update ampsync_private.published p
     set seen = jsonb_build_object('void', coalesce(p.seen -> 'void', '[]') || jsonb_build_array(p.seen -> 'token'))
   where p.published_id = p_published_id
     and p.seen ->> 'token' is not null;
$$;

comment on function ampsync_private.void_look(integer)
  is 'What a look found is out of date: its message will be passed over.';
