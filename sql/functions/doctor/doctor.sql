-- What is wrong with this installation, and what to do: one row per finding, the gravest first.
-- No row means that nothing was found. It needs no worker, writes nothing, and takes no locks but
-- those of reading.
--
-- severity: error (something does not move, or will not), warning (somebody should look), info
-- (a setting that could be better). fix: a statement, or a command of a shell; words only where
-- neither can help.
--
-- Runs with its owner's rights. It shows what the views show, settings that everybody may read,
-- and sessions of this database that have been idle in a transaction for minutes.
create or replace function ampsync.doctor()
  returns table (severity text, subject text, finding text, fix text)
  language sql
  stable
  security definer
  set search_path = pg_catalog, pg_temp
as $$
  select d.severity, d.subject, d.finding, d.fix
    from unnest('{workers,syncs,capture,indexes,vacuum,server}'::text[]) with ordinality p (part, n)
   cross join lateral ampsync_private.diagnose(p.part) d
   order by array_position('{error,warning,info}'::text[], d.severity), p.n,
            d.subject collate "C", d.finding collate "C";
$$;

comment on function ampsync.doctor()
  is 'What is wrong with this installation, the gravest first, each with a fix; no row means that nothing was found.';
