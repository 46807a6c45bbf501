-- Lets a client load a table of a dataset for its size once in 10 minutes: before, the answer of judge_shapes says
-- that it waits. Notes those that it may load now. A load that is under way goes on.
create or replace function ampsync_private.space_loads(
  p_client_id uuid,
  p_answers   jsonb
)
  returns jsonb
  language plpgsql
  volatile
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_now    timestamptz := ampsync_private.now();
  v_large  text[];
  v_loaded jsonb;
begin
  v_large := array(
    select distinct a.answer ->> 'published_id'
      from jsonb_array_elements(p_answers) a(answer)
     where a.answer ->> 'reason' = 'too large'
       and a.answer ->> 'of' = 'blocks'
       and not (a.answer ->> 'waits')::boolean
       and not (a.answer ->> 'loads')::boolean);
  if cardinality(v_large) = 0 then
    return p_answers;
  end if;
  v_loaded := (select c.loaded from ampsync_private.client c where c.client_id = p_client_id);
  update ampsync_private.client c
     set loaded = c.loaded || (select jsonb_object_agg(l.id, v_now) from unnest(v_large) l(id))
   where c.client_id = p_client_id
     and not exists (select from unnest(v_large) l(id)
                      where (v_loaded ->> l.id)::timestamptz > v_now - interval '10 minutes');
  return (select jsonb_agg(case when a.answer ->> 'published_id' = any (v_large)
                                 and (v_loaded ->> (a.answer ->> 'published_id'))::timestamptz
                                     > v_now - interval '10 minutes'
                                then a.answer || '{"waits": true}' else a.answer end order by a.n)
            from jsonb_array_elements(p_answers) with ordinality a(answer, n));
end;
$$;

comment on function ampsync_private.space_loads(uuid, jsonb)
  is 'Let a client load a table of a dataset for its size once in 10 minutes.';
