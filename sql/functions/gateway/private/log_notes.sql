-- Entries about tables, in their order, for those who keep shapes of them: of captured tables in (p_after, p_upto], of
-- tables of datasets above p_blocks_after. A bound that is null means none of them. statements: by shape, those by
-- which its clients follow.
--
-- In PL/pgSQL, which keeps plans; without force_generic_plan it would plan each time all the same.
create or replace function ampsync_private.log_notes(
  p_after        bigint,
  p_upto         bigint,
  p_blocks_after bigint
)
  returns jsonb
  language plpgsql
  stable
  security invoker
  set search_path = pg_catalog, pg_temp
  set plan_cache_mode = force_generic_plan
as $$
begin
  return (
    select coalesce(jsonb_agg(jsonb_build_object(
             'position', t.position::text, 'kind', t.kind, 'mode', m.mode, 'schema', t.schema_version,
             'published_ids', to_jsonb(m.ids), 'tables', m.tables, 'details', t.details,
             'migration', t.details ->> 'migration',
             'statements', case when t.kind = 'schema' then (
               select jsonb_object_agg(s.shape_id, q.statements)
                 from ampsync_private.shape s
                cross join ampsync_private.shape_statements(s, t.details ->> 'migration') q(statements)
                where s.published_id = any (m.ids)
                  and q.statements is not null) end,
             'shapes', (select coalesce(jsonb_agg(s.shape_id order by s.shape_id), '[]')
                          from ampsync_private.shape s where s.published_id = any (m.ids)))
             order by t.position, m.mode), '[]')
      from ampsync_private.change_tx t
     cross join lateral (
       select p.mode, array_agg(p.published_id order by p.published_id) as ids,
              jsonb_agg(format('%I.%I', p.schema_name, p.table_name) order by p.published_id) as tables
         from jsonb_array_elements_text(t.details -> 'tables') e(id)
         join ampsync_private.published p on p.published_id = e.id::integer
        where case p.mode when 'rows' then t.position > p_after and t.position <= p_upto
                          else t.position > p_blocks_after end
        group by p.mode) m
     where t.kind in ('schema', 'floor')
       and t.position > least(p_after, p_blocks_after));
end;
$$;

comment on function ampsync_private.log_notes(bigint, bigint, bigint)
  is 'Entries of the log about tables, for those who keep shapes of them.';
