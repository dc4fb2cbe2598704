SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.account (
    name text NOT NULL COLLATE pg_catalog."C",
    password_hash text NOT NULL,
    password_operation uuid NOT NULL,
    disabled boolean DEFAULT false NOT NULL,
    created_at bigint NOT NULL
);
CREATE TABLE public.account_event (
    "position" bigint NOT NULL,
    id uuid NOT NULL,
    body bytea NOT NULL,
    CONSTRAINT account_event_position_check CHECK (("position" >= 0))
);
CREATE TABLE public.primary_epoch (
    singleton boolean DEFAULT true NOT NULL,
    epoch bigint NOT NULL,
    server uuid,
    CONSTRAINT primary_epoch_epoch_check CHECK ((epoch >= 0)),
    CONSTRAINT primary_epoch_singleton_check CHECK (singleton)
);
CREATE TABLE public.registration_server_migrations (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE TABLE public.replica_cursor (
    stream text NOT NULL,
    incarnation uuid NOT NULL,
    applied bigint NOT NULL,
    CONSTRAINT replica_cursor_applied_check CHECK ((applied >= 0))
);
CREATE TABLE public.replica_migration (
    version integer NOT NULL,
    name character varying(255),
    applied_on character varying(255),
    checksum character varying(255)
);
CREATE TABLE public.server_identity (
    only_row boolean DEFAULT true NOT NULL,
    id uuid NOT NULL,
    CONSTRAINT server_identity_only_row_check CHECK (only_row)
);
CREATE TABLE public.token (
    hash bytea NOT NULL,
    account text NOT NULL COLLATE pg_catalog."C",
    expires_at bigint NOT NULL,
    "position" bigint NOT NULL,
    CONSTRAINT token_hash_check CHECK ((length(hash) = 32)),
    CONSTRAINT token_position_check CHECK (("position" >= 0))
);
INSERT INTO public.account VALUES ('ana', '$argon2id$v=19$m=19456,t=2,p=1$oOSqJwzKGrijw0VKDuehZA$qoO/MG08yt/ttU0kuPAq+zqBSQ1A7OXuCzlyc5sQgy4', '01a2055f-4d24-76f2-90d5-8d588b9f8a6c', false, 1795386461544);
INSERT INTO public.account VALUES ('ben', '$argon2id$v=19$m=19456,t=2,p=1$QkSTv0ddogzrRzNc3R+XhQ$lSSfwmumYRZUYO04aB/M1nNIGtnH+vxMwvKzIYjVF84', '01a2055f-4dbf-75f1-98ef-502c0a2ca02b', false, 1795386461685);
INSERT INTO public.account VALUES ('carla', '$argon2id$v=19$m=19456,t=2,p=1$KBjHELtVEVRHkaIBiRxhGQ$tuDyznf98sBAKd7EPkDkeJDznTd1LKiSUlLunhpodxw', '01a2055f-4e2d-719a-9f8b-da8e7c280a87', false, 1795386461777);
INSERT INTO public.account_event VALUES (1024, '01a2055f-37e7-77fd-ba1f-2f9a114c9134', '\xa46261741b000001a2055f37e76269645001a2055f37e777fdba1f2f9a114c9134626f70a1677072696d61727950f656a624bd364fbdaac785f02fd6e71d6565706f636801');
INSERT INTO public.account_event VALUES (2048, '01a2055f-4d24-76f2-90d5-8d588b9f8a6c', '\xa46261741b000001a2055f4d686269645001a2055f4d2476f290d58d588b9f8a6c626f70a166637265617465a2676163636f756e7463616e616d70617373776f72645f686173687861246172676f6e32696424763d3139246d3d31393435362c743d322c703d31246f4f53714a777a4b4772696a7730564b447565685a4124716f4f2f4d47303879742f747455306b755041712b7a714253513141374f5875437a6c79633573516779346565706f636801');
INSERT INTO public.account_event VALUES (3072, '01a2055f-4dba-774f-9b48-cfeaf4ae3fce', '\xa46261741b000001a2055f4dba6269645001a2055f4dba774f9b48cfeaf4ae3fce626f70a1666c6f675f696ea3676163636f756e7463616e616a657870697265735f61741b000001eb724b05ba6a746f6b656e5f686173685820cec50948b645bf1695f0eadab3d9606d6eed6f13bd0cbaabe9fbf454f9e8e2916565706f636801');
INSERT INTO public.account_event VALUES (4096, '01a2055f-4dbf-75f1-98ef-502c0a2ca02b', '\xa46261741b000001a2055f4df56269645001a2055f4dbf75f198ef502c0a2ca02b626f70a166637265617465a2676163636f756e746362656e6d70617373776f72645f686173687861246172676f6e32696424763d3139246d3d31393435362c743d322c703d3124516b5354763064646f677a72527a4e6333522b586851246c535366776d756d59525a55594f303461422f4d316e4e4947746e482b76784d77764b7a49596a564638346565706f636801');
INSERT INTO public.account_event VALUES (5120, '01a2055f-4e21-73eb-a7c8-9a96816a803b', '\xa46261741b000001a2055f4e216269645001a2055f4e2173eba7c89a96816a803b626f70a1666c6f675f696ea3676163636f756e746362656e6a657870697265735f61741b000001eb724b06206a746f6b656e5f686173685820710bb56168b0846e2aead41682e87769b7dfd077b4c6274a1855e0f7aae5de6b6565706f636801');
INSERT INTO public.account_event VALUES (6144, '01a2055f-4e2d-719a-9f8b-da8e7c280a87', '\xa46261741b000001a2055f4e516269645001a2055f4e2d719a9f8bda8e7c280a87626f70a166637265617465a2676163636f756e74656361726c616d70617373776f72645f686173687861246172676f6e32696424763d3139246d3d31393435362c743d322c703d31244b426a48454c7456455652486b61494269527868475124747544797a6e6639387342414b643745506b446b654a447a6e5464314c4b6953556c4c756e68706f6478776565706f636801');
INSERT INTO public.account_event VALUES (7168, '01a2055f-4e74-70e1-99e3-51b3eaeefee8', '\xa46261741b000001a2055f4e746269645001a2055f4e7470e199e351b3eaeefee8626f70a1666c6f675f696ea3676163636f756e74656361726c616a657870697265735f61741b000001eb724b06746a746f6b656e5f686173685820922b082f10e42b835ab52abb714a78f97fa3cc2fd2293bab0a5c9f958c1f18936565706f636801');
INSERT INTO public.primary_epoch VALUES (true, 1, 'f656a624-bd36-4fbd-aac7-85f02fd6e71d');
INSERT INTO public.registration_server_migrations VALUES (1, 'accounts', '2026-11-22T22:27:35.181480055Z', '16015574245295836393');
INSERT INTO public.replica_cursor VALUES ('YOSHI_ACCOUNTS', '0fa75be2-9c15-444b-9923-28203f439747', 8191);
INSERT INTO public.replica_migration VALUES (1, 'cursor', '2026-11-22T22:27:35.074312546Z', '8860878598560401113');
INSERT INTO public.server_identity VALUES (true, 'f656a624-bd36-4fbd-aac7-85f02fd6e71d');
INSERT INTO public.token VALUES ('\xcec50948b645bf1695f0eadab3d9606d6eed6f13bd0cbaabe9fbf454f9e8e291', 'ana', 2110746461626, 3072);
INSERT INTO public.token VALUES ('\x710bb56168b0846e2aead41682e87769b7dfd077b4c6274a1855e0f7aae5de6b', 'ben', 2110746461728, 5120);
INSERT INTO public.token VALUES ('\x922b082f10e42b835ab52abb714a78f97fa3cc2fd2293bab0a5c9f958c1f1893', 'carla', 2110746461812, 7168);
ALTER TABLE ONLY public.account_event
    ADD CONSTRAINT account_event_id_key UNIQUE (id);
ALTER TABLE ONLY public.account_event
    ADD CONSTRAINT account_event_pkey PRIMARY KEY ("position");
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.primary_epoch
    ADD CONSTRAINT primary_epoch_pkey PRIMARY KEY (singleton);
ALTER TABLE ONLY public.registration_server_migrations
    ADD CONSTRAINT registration_server_migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.replica_cursor
    ADD CONSTRAINT replica_cursor_pkey PRIMARY KEY (stream);
ALTER TABLE ONLY public.replica_migration
    ADD CONSTRAINT replica_migration_pkey PRIMARY KEY (version);
ALTER TABLE ONLY public.server_identity
    ADD CONSTRAINT server_identity_pkey PRIMARY KEY (only_row);
ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_pkey PRIMARY KEY (hash);
CREATE INDEX token_account ON public.token USING btree (account);
ALTER TABLE ONLY public.token
    ADD CONSTRAINT token_account_fkey FOREIGN KEY (account) REFERENCES public.account(name);
