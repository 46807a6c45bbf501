-- The keys of the instances of a shape that a client has by its claims and wishes, each once, in order. An array of
-- claims (`claim:x[]`) gives one an element, and none where it is empty. SY413 where a claim or parameter is missing
-- or is no value of its column: never does that mean all. SY416 where they are more than a client may have.
--
-- Values become texts of the columns' types here, by their input functions, and nowhere else.
create or replace function ampsync_private.instance_keys(
  p_shape_id integer,
  p_claims   jsonb,
  p_params   jsonb
)
  returns text[]
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set "DateStyle" = 'ISO, MDY'
  set bytea_output = 'hex'
as $$
declare
  v_found record := ampsync_private.readable_shape(p_shape_id);
  v_keys  jsonb[] := array['[]'::jsonb];
  v_bound record;
  v_texts text[];
begin
  for v_bound in
    select b.name, (v_found.shape).bind ->> b.name as source,
           (select format_type(ampsync_private.base_type((c.col ->> 'type')::oid), null)
              from jsonb_array_elements(v_found.columns) c(col) where c.col ->> 'name' = b.name) as type
      from unnest(ampsync_private.bound_columns((v_found.shape).bind)) with ordinality b(name, n)
     order by b.n
  loop
    v_texts := ampsync_private.bound_texts((v_found.shape).name, v_bound.source, v_bound.type, p_claims, p_params);
    v_texts := array(select distinct t.value from unnest(v_texts) t(value));
    perform ampsync_private.check_shape_count(0, cardinality(v_keys)::bigint * cardinality(v_texts));
    v_keys := array(select k.key || to_jsonb(t.value) from unnest(v_keys) k(key) cross join unnest(v_texts) t(value));
  end loop;
  return array(select distinct k.key::text collate "C" from unnest(v_keys) k(key) order by 1);
end;
$$;

comment on function ampsync_private.instance_keys(integer, jsonb, jsonb)
  is 'The keys of the instances of a shape that a client has by its claims and wishes.';
