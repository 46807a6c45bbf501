-- What a client says of itself when it connects, read once: {"epoch", "position", "stamp", "blocks", "blocks_stamp",
-- "schema", "agent", "awaiting", "shapes": [{"id", "shape", "params", "definition"}]}. Positions are texts. SY411
-- where it is something else; texts of others are cut.
create or replace function ampsync_private.read_hello(
  p_hello jsonb,
  out epoch        uuid,
  out "position"   bigint,
  out stamp        bigint,
  out blocks       bigint,
  out blocks_stamp bigint,
  out schema       text,
  out agent        text,
  out awaiting     uuid[],
  out shapes       jsonb
)
  language plpgsql
  immutable
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_fault text;
begin
  begin
    epoch := p_hello ->> 'epoch';
    "position" := p_hello ->> 'position';
    stamp := p_hello ->> 'stamp';
    blocks := p_hello ->> 'blocks';
    blocks_stamp := p_hello ->> 'blocks_stamp';
    awaiting := array(select a.tx::uuid from jsonb_array_elements_text(
                  case when p_hello ->> 'awaiting' is null then '[]' else p_hello -> 'awaiting' end) a(tx));
    shapes := case when p_hello ->> 'shapes' is null then '[]' else p_hello -> 'shapes' end;
    v_fault := case
      when jsonb_typeof(p_hello) is distinct from 'object' then 'it is no object'
      when exists (select from jsonb_array_elements(shapes) w(wish)
                    where jsonb_typeof(w.wish) <> 'object' or coalesce(w.wish ->> 'id', '') = ''
                       or w.wish ->> 'shape' is null
                       or jsonb_typeof(w.wish -> 'params') not in ('object', 'null'))
        then 'a shape needs "id", "shape" and, if there are any, "params"'
      when (select count(*) <> count(distinct w.wish ->> 'id') from jsonb_array_elements(shapes) w(wish))
        then 'two shapes have one id'
    end;
  exception
    when data_exception then
      v_fault := sqlerrm;
  end;
  if v_fault is not null then
    raise exception using
      errcode = 'SY411',
      message = 'the message hello is not as the protocol says',
      detail  = left(v_fault, 500),
      hint    = 'Connect with the client of this release: npm install ampsync';
  end if;
  schema := left(p_hello ->> 'schema', 100);
  agent := left(regexp_replace(p_hello ->> 'agent', '[[:cntrl:]]', ' ', 'g'), 200);
end;
$$;

comment on function ampsync_private.read_hello(jsonb)
  is 'What a client says of itself when it connects; SY411 where it is something else.';
