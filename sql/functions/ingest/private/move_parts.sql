-- Moves the positions of the parts that a commit has pages of, each from where the caller says it went
-- on (SY001 if it stands elsewhere), counts their pages and records, and keeps the greatest value of
-- the range's field. 100 and 1,000 empty pages in a row are journaled; those before the end of a run
-- that has got more than a tenth further than at any expiry before forgive its expiries.
--
-- p_parts: see commit_pages
-- p_high: {"<part>": n}, of the records that were stored
--
-- Locks: rows of parts.
create or replace procedure ampsync_private.move_parts(
  p_stream_id bigint,
  p_epoch     bigint,
  p_parts     jsonb,
  p_high      jsonb
)
  language plpgsql
  security invoker
  set search_path = pg_catalog, pg_temp
as $$
declare
  v_moved  integer := 0;
  v_part   record;
begin
  for v_part in
    with committed as (
      select m.part, m.expected, m.position, m.last, m.done, m.total, (p_high ->> m.part::text)::numeric as high,
             count(g.page) as pages, coalesce(sum(g.records), 0) as records,
             count(g.page) - coalesce(max(g.n) filter (where g.records > 0), 0) as empty_at_end
        from jsonb_to_recordset(p_parts) m(part bigint, expected jsonb, position jsonb, last jsonb, done boolean,
                                           total bigint, pages jsonb)
        left join lateral (select (e.value ->> 'page')::bigint as page, (e.value ->> 'records')::integer as records,
                                  e.ordinality as n
                             from jsonb_array_elements(m.pages) with ordinality e) g on true
       group by m.part, m.expected, m.position, m.last, m.done, m.total
    )
    update ampsync_private.part p
       set previous    = coalesce(nullif(m.last, 'null'), p.previous),
           position    = nullif(m.position, 'null'),
           position_at = ampsync_private.now(),
           pages       = p.pages + m.pages,
           records     = p.records + m.records,
           done        = m.done,
           high        = greatest(p.high, m.high),
           run_high    = greatest(p.run_high, m.high),
           total       = coalesce(m.total, p.total),
           empty_pages = m.empty_at_end + case when m.records > 0 then 0 else p.empty_pages end,
           expiries    = case when p.pages + m.pages > p.expired_page * 1.1 then 0 else p.expiries end
      from committed m
     where p.stream_id = p_stream_id
       and p.part_no = m.part
       and p.position is not distinct from nullif(m.expected, 'null')
    returning p.part_no, p.empty_pages, p.empty_pages - m.empty_at_end as empty_before
  loop
    v_moved := v_moved + 1;
    perform ampsync_private.journal(p_stream_id, 'empty_pages',
                                    jsonb_build_object('part', v_part.part_no, 'in_a_row', v_part.empty_pages))
       from unnest('{100,1000}'::integer[]) n(pages)
      where v_part.empty_before < n.pages
        and v_part.empty_pages >= n.pages;
  end loop;

  if v_moved <> jsonb_array_length(p_parts) then
    call ampsync_private.raise_lease_lost(p_stream_id, p_epoch);
  end if;
end;
$$;

comment on procedure ampsync_private.move_parts(bigint, bigint, jsonb, jsonb)
  is 'Move the positions of the parts that a commit has pages of; SY001 where one stands elsewhere.';
