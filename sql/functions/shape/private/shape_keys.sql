-- The keys of the instances of a shape that a client has by its claims and wishes, each once, in order. An array of
-- claims (`claim:x[]`) gives one an element, and none where it is empty. SY413 where a claim or parameter is missing
-- or is no value of its column: never does that mean all. SY416 where they are more than a client may have.
--
-- Values become texts of the columns' types here, by their input functions, and nowhere else.
--
-- p_columns  of its table, in the caller's snapshot
create or replace function ampsync_private.shape_keys(
  p_shape   ampsync_private.shape,
  p_columns jsonb,
  p_claims  jsonb,
  p_params  jsonb
)
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
  set "DateStyle" = 'ISO, MDY'
  set bytea_output = 'hex'
as $$
declare
  v_keys  jsonb[] := array['[]'::jsonb];
  v_bound record;
  v_texts text[];
begin
  for v_bound in
    select b.name, p_shape.bind ->> b.name as source,
           (select format_type(ampsync_private.base_type((c.col ->> 'type')::oid), null)
              from jsonb_array_elements(p_columns) c(col) where c.col ->> 'name' = b.name) as type
      from unnest(ampsync_private.bound_columns(p_shape.bind)) with ordinality b(name, n)
     order by b.n
  loop
    v_texts := ampsync_private.bound_texts(p_shape.name, v_bound.source, v_bound.type, p_claims, p_params);
    v_texts := array(select distinct t.value from unnest(v_texts) t(value));
    perform ampsync_private.check_shape_count(0, cardinality(v_keys)::bigint * cardinality(v_texts));
    v_keys := array(select k.key || to_jsonb(t.value) from unnest(v_keys) k(key) cross join unnest(v_texts) t(value));
  end loop;
  return array(select distinct k.key::text collate "C" from unnest(v_keys) k(key) order by 1);
end;
$$;

comment on function ampsync_private.shape_keys(ampsync_private.shape, jsonb, jsonb, jsonb)
  is 'The keys of the instances of a shape that a client has by its claims and wishes.';
