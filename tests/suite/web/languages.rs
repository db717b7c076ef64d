//! The languages of the pages for colleagues.

use keepwell::store::messages::suppressions::Suppression;
use serde_json::json;

use super::accounts::links;
use super::*;
use crate::support::world::{World, playbook};

async fn page(site: &Site, path: &str, headers: &[(header::HeaderName, &str)]) -> Answer {
    let request = headers.iter().fold(request("GET", path), |request, (name, value)| request.header(name, *value));
    site.send(request.body(Body::empty()).expect("a request")).await
}

#[tokio::test]
async fn pages_are_in_the_language_of_the_browser_until_somebody_chooses() {
    let site = Site::filled().await;
    let browser = (header::ACCEPT_LANGUAGE, "zh-CN,zh;q=0.9,en;q=0.8");
    site.get("/").await.shows("<html lang=\"en\" dir=\"ltr\">");
    let chinese = page(&site, "/", std::slice::from_ref(&browser)).await;
    chinese.shows("<html lang=\"zh\" dir=\"ltr\">");
    chinese.shows("跳到正文");
    page(&site, "/nowhere", std::slice::from_ref(&browser)).await.shows("没有这个页面。");

    site.get("/accounts?q=a%26b").await.shows("<input type=\"hidden\" name=\"back\" value=\"/accounts?q=a%26b\">");
    let choice = site.post("/language", "language=en&back=%2Faccounts%3Fq%3Da").await;
    assert_eq!(choice.status, StatusCode::SEE_OTHER);
    assert_eq!(choice.header(header::LOCATION), "/accounts?q=a", "it leads back");
    let cookie = choice.header(header::SET_COOKIE);
    assert!(cookie.starts_with("keepwell-language=en; Path=/; Max-Age=31536000;"), "{cookie}");
    let cookie = (header::COOKIE, cookie.split(';').next().expect("a pair"));
    let english = page(&site, "/", &[browser, cookie]).await;
    english.shows("<html lang=\"en\" dir=\"ltr\">");
    english.shows("<button class=\"plain\" name=\"language\" value=\"zh\" lang=\"zh\">中文</button>");

    let unknown = site.post("/language", "language=xx&back=%2F").await;
    assert_eq!(unknown.status, StatusCode::UNPROCESSABLE_ENTITY);
    let elsewhere = site.post("/language", "language=en&back=%2F%2Felsewhere.example").await;
    assert_eq!(elsewhere.header(header::LOCATION), "/");
}

/// What a form shows is shown only then, such as a link to log in; to choose a language would lose it.
#[tokio::test]
async fn a_page_that_answers_a_form_asks_for_no_language() {
    let site = Site::filled().await;
    site.get("/people").await.shows("action=\"/language\"");
    let added = site.post("/people", "name=lee&role=admin").await;
    added.shows("It is shown only here and now");
    assert!(!added.body.contains("action=\"/language\""));
}

/// A form that is sent goes on when the browser leaves, in a task of its own, which knows the language, too.
#[tokio::test]
async fn what_a_form_did_is_said_in_the_readers_language() {
    let site = Site::filled().await;
    let form = request("POST", "/tasks/00000000-0000-0000-0000-000000000000/done")
        .header("sec-fetch-site", "same-origin")
        .header(header::ACCEPT_LANGUAGE, "zh")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("outcome="));
    site.send(form.expect("a request")).await.shows("没有这项任务。");
}

async fn chinese(site: &Site, path: &str) -> Answer {
    let answer = page(site, path, &[(header::ACCEPT_LANGUAGE, "zh")]).await;
    assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
    answer
}

/// The texts and the spoken attributes of a page, without code and what is written in a language of its own.
fn texts(html: &str) -> Vec<String> {
    let mut shown = html.to_owned();
    for (begin, end) in [("<script", "</script>"), ("<style", "</style>"), ("<code", "</code>"), ("<pre", "</pre>")] {
        while let Some((before, rest)) = shown.split_once(begin) {
            let after = rest.split_once(end).map_or("", |(_, after)| after);
            shown = format!("{before}{after}");
        }
    }
    let mut texts = Vec::new();
    for part in shown.split('<').skip(1) {
        let (tag, text) = part.split_once('>').unwrap_or((part, ""));
        for name in [" aria-label=\"", " title=\"", " placeholder=\"", " alt=\"", " data-label=\""] {
            texts.extend(tag.split_once(name).and_then(|(_, rest)| rest.split('"').next()).map(str::to_owned));
        }
        let names_language = tag.split(' ').any(|part| part == "lang=\"en\"");
        texts.extend(Some(text.to_owned()).filter(|_| !names_language));
    }
    texts
}

/// Fails where a page in Chinese has an English word that is none of these, which are data or the same in Chinese.
#[track_caller]
fn has_no_english(answer: &Answer, data: &[&str]) {
    const NAMES: [&str; 10] = ["Keepwell", "KPI", "CSM", "MRR", "NPS", "NRR", "GRR", "CSV", "YAML", "UTC"];
    let mut found = Vec::new();
    for text in texts(&answer.body) {
        // What stands in backticks is code, too.
        let prose: String = text.split('`').step_by(2).collect();
        let known = data.iter().fold(prose, |text, known| text.replace(known, " "));
        let mut words = known.split(|letter: char| !letter.is_ascii_alphabetic() && !"'&;".contains(letter));
        let is_english = |word: &&str| word.len() > 2 && !word.contains('&') && !NAMES.contains(word);
        if words.any(|word| is_english(&word)) {
            found.push(text);
        }
    }
    assert!(found.is_empty(), "English in a page in Chinese: {found:#?}");
}

#[tokio::test]
async fn pages_of_work_are_in_chinese() {
    let site = Site::filled().await;
    let names =
        ["Ines Falk", "csm-1", "Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;", "Call Fjord", "Call Plain", "Plain", "a-1"];
    let authored = [
        "Read the last ticket",
        "Nobody has this one",
        "Nobody logs in any more.",
        "Three steps",
        "rescue",
        "its revision has no step call",
    ];
    let data = [
        &names[..],
        &authored,
        &[
            "reached",
            "Reached",
            "no answer",
            "No answer",
            "kim@fjord.example",
            "fjord",
            "nothing-like-it",
            "call",
            "look",
            "login",
            "mia",
            "UTC",
        ],
    ];
    let data = data.concat();
    let (task, closed) = (format!("/tasks/{TASK}"), format!("/tasks/{CLOSED}"));
    for (path, title, words) in [
        ("/", "今日：Ines Falk", "已逾期：3月1日星期日起，已过 1 个工作日"),
        ("/?csm=everybody&snoozed=1", "今日：所有人", "没有符合条件的任务。"),
        ("/?csm=unassigned", "今日：未分配", "尚未分配"),
        (&task, "Call Fjord", "旅程的其余部分怎么办？"),
        (&closed, "Call Plain", "已自动关闭"),
        ("/search?q=fjord", "搜索：fjord", "1 项未完成任务"),
        ("/search?q=nothing-like-it", "搜索：nothing-like-it", "没有找到。"),
        ("/audit", "操作记录", "还没有任何操作。"),
        ("/people", "人员", "添加第一个用户后"),
    ] {
        let page = chinese(&site, path).await;
        page.shows(&format!("<title>{title}"));
        page.shows(words);
        has_no_english(&page, &data);
    }
    let form = |path: &str, body: &str| {
        let request = request("POST", path)
            .header("sec-fetch-site", "same-origin")
            .header(header::ACCEPT_LANGUAGE, "zh")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        site.send(request.body(Body::from(body.to_owned())).expect("a request"))
    };
    let together = form("/", &format!("id={TASK}&deed=complete")).await;
    together.shows("<h1>完成 1 项任务");
    has_no_english(&together, &data);
    let unsaid = form(&format!("{task}/dismiss"), "because=").await;
    unsaid.shows("请说明为什么不需要处理此任务。");
    has_no_english(&unsaid, &data);
    let done = form(&format!("{task}/dismiss"), "why=not+relevant&rest=go&back=%2F%3Fcsm%3Dcsm-1").await;
    assert_eq!(done.status, StatusCode::SEE_OTHER);
    let list = chinese(&site, done.header(header::LOCATION)).await;
    list.shows("已不予处理：Call Fjord");
    list.shows("data-countdown=\"{seconds} 秒内，后续动作不会发生。\"");
    has_no_english(&list, &data);
    let dismissed = chinese(&site, &task).await;
    dismissed.shows("不予处理于 ");
    dismissed.shows("<strong>不相关</strong>");
    let audit = chinese(&site, "/audit").await;
    audit.shows("<strong>任务不予处理</strong>");
    has_no_english(&audit, &data);

    site.post("/stops/stop", "what=mail%3Amarketing%3Aa-1").await;
    chinese(&site, "/").await.shows("已停止：发给客户 a-1 的营销邮件（停止人：同事）。");
}

#[tokio::test]
async fn whoever_logs_in_reads_chinese() {
    let site = Site::empty().await;
    let headers = [(header::ACCEPT_LANGUAGE, "zh")];
    let added = request("POST", "/people")
        .header("sec-fetch-site", "same-origin")
        .header(header::ACCEPT_LANGUAGE, "zh")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from("name=mia&role=admin"));
    let people = site.send(added.expect("a request")).await;
    people.shows("<strong>mia</strong> 可在 24 小时内用此链接设置一次密码。");
    people.shows("密码链接有效至 2026年3月3日 12:00");
    has_no_english(&people, &["mia"]);
    let link = people
        .body
        .split("<code>")
        .find_map(|part| part.split("</code>").next().filter(|url| url.contains("/password/")));
    let link = link.and_then(|url| url.find("/password/").map(|at| url[at..].to_owned())).expect("a link");
    for (path, title) in [("/login", "<title>登录"), (&link, "<title>设置密码")] {
        let page = page(&site, path, &headers).await;
        page.shows(title);
        has_no_english(&page, &["mia"]);
    }
}

#[tokio::test]
async fn pages_for_managers_are_in_chinese() {
    let site = overview::company(chrono_tz::Tz::UTC).await;
    let names = ["Sam Ode", "Mia Lund", "Alder", "Birch", "Cedar", "Dogwood", "Elder", "Call", "Mail"];
    let data = [&names[..], &["x@example.com", "nudge", "live", "new"]].concat();
    for (path, title) in [
        ("/overview?at=2026-03", "<title>2026年3月总览"),
        ("/overview?period=quarter&at=2026-02&tier=A&csm=sam", "<title>2026年第1季度总览"),
        ("/overview?at=2020-01", "2020年1月没有客户注册。"),
        ("/overview/tasks?at=2026-03&state=done", "<h1>已完成的任务"),
        ("/overview/tasks?at=2026-03&state=dismissed", "<h1>不予处理的任务"),
        ("/overview/mails?at=2026-03&class=marketing", "<h1>营销邮件"),
    ] {
        let page = chinese(&site, path).await;
        page.shows(title);
        has_no_english(&page, &data);
    }
    // Whatever reads the figures goes by their names.
    let export = "/overview.csv?at=2026-03";
    assert_eq!(chinese(&site, export).await.body, site.get(export).await.body);

    let (_world, site) = answers::answered().await;
    let answers = chinese(&site, "/answers").await;
    answers.shows("<title>问卷回复");
    has_no_english(&answers, &["pulse", "why", "nps", "ann", "Fast &amp; &lt;b&gt;kind&lt;/b&gt;", "Mail", "too dear"]);
    chinese(&site, "/answers?tag=none").await.shows("没有符合条件的回复。");
}

#[tokio::test]
async fn pages_of_playbooks_are_in_chinese() {
    let site = Site::filled().await;
    let data = [
        "rescue",
        "Nobody logs in any more.",
        "unknown key",
        "write",
        "Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;",
        "more than 25 would be enrolled",
        "division by zero",
        "Call",
        "call",
        "task-1",
    ];
    for (path, title) in [
        ("/playbooks", "<title>剧本"),
        ("/playbooks/rescue", "<h2 id=\"impact\">是否有效？</h2>"),
        ("/playbooks/rescue/source", "<title>rescue 的源文件"),
        ("/playbooks/rescue/accounts?state=active", "<h1>进行中"),
    ] {
        let page = chinese(&site, path).await;
        page.shows(title);
        has_no_english(&page, &data);
    }
    let world = journeys::journey_of_many().await;
    let site = accounts::site(&world);
    let page = chinese(&site, "/playbooks/call").await;
    page.shows("<strong>9</strong> 个已通过");
    page.shows("人工终止：1");
    page.shows("<strong>visit</strong> <span class=\"quiet\">任务：Visit them</span>");
    let data =
        ["A story.", "Call them", "Visit them", "call", "visit", "Firm", "wait", "branch", "account.mrr", "dana"];
    let data = [&data[..], &["They left", "UTC"]].concat();
    has_no_english(&page, &data);
    has_no_english(&chinese(&site, "/playbooks/call/accounts").await, &data);
}

#[tokio::test]
async fn pages_of_operations_are_in_chinese() {
    let site = Site::filled().await;
    for (class, source) in [("marketing", "bounce"), ("all", "complaint")] {
        let suppression = Suppression { class, source };
        site.store.suppress("kim@fjord.example", suppression, now()).await.expect("the database answers");
    }
    let waits = "update keepwell.messages set state = 'deferred', reason = 'quiet hours until 2026-03-02T10:00:00Z'
        where step = 'again'";
    sqlx::raw_sql(waits).execute(&site.pool).await.expect("there is one");
    let held = "update keepwell.runs set reason = '12 would enter; more than 5 wait for a person''s approval'";
    sqlx::raw_sql(held).execute(&site.pool).await.expect("there is one");
    site.post("/stops/stop", "what=mail%3Amarketing%3Aa-1").await;
    let message = format!("/messages/{MAIL}");
    let source = format!("{message}/source");
    let pages = [
        ("/approvals", "审批", "12 个将进入；超过 5 个须经审批"),
        ("/approvals/rescue%402026-03-02T09%3A00%3A00Z", "rescue", "放行"),
        ("/playbooks/rescue/plan", "rescue：预览现在运行的效果", "不写入任何数据"),
        ("/playbooks/rescue/revisions", "rescue 的版本", "回退到较早的版本"),
        ("/messages", "消息", "静默时段，至 2026年3月2日 10:00"),
        (&message, "Three steps", "生命周期邮件"),
        (&source, "Three steps 的来源", "纯文本部分"),
        ("/messages/states", "状态说明", "到时间后会处理。"),
        ("/suppressions", "禁发名单", "退信：邮箱不存在"),
        ("/stops", "停止与恢复", "发给客户 a-1 的营销邮件"),
        ("/stops/stop?what=all", "停止全部", "期间到点的运行会被跳过"),
        ("/stops/resume?what=mail%3Amarketing%3Aa-1", "恢复发给客户 a-1 的营销邮件", "发出前各检查一次"),
    ];
    let names = ["Fjord &lt;b&gt;&amp; Sons&lt;/b&gt;", "kim@fjord.example", "rescue", "nudge", "again", "call", "a-1"];
    let data = [
        &names[..],
        &["Nobody logs in any more.", "Three steps", "Message-ID", "Slack", "Webhook", "HTML", "KEEPWELL_SMTP_URL"],
    ]
    .concat();
    for (path, title, words) in pages {
        let page = chinese(&site, path).await;
        page.shows(&format!("<title>{title}"));
        page.shows(words);
        has_no_english(&page, &data);
    }
}

/// What an account has done and what was done for it, in every kind of entry.
#[tokio::test]
async fn pages_of_accounts_are_in_chinese() {
    let world = account_deeds::on_a_journey().await;
    world.playbook(&playbook(
        "quick",
        "when: account.mrr > 500",
        "  - task: { title: Look, to: csm }\n  - end: seen enough",
    ));
    world.playbook(&playbook("big", "when: account.mrr > 50 && account.tier == \"B\"", "  - task: { title: Call }"));
    world
        .sql(
            "insert into customers.tickets (account_id, id, contact_id, severity, opened_at, closed_at) values
                 ('a/1', 'T-1', 'ann', 'high', '2026-02-26T10:00:00Z', '2026-02-27T10:00:00Z');
             insert into customers.account_changes (account_id, at, was, became) values
                 ('a/1', '2026-02-25T10:00:00Z', '{\"tier\": \"B\", \"renewal_at\": null}', '{\"tier\": \"A\", \"mrr\": 1200}')",
        )
        .await;
    world.score("a/1", "nps", 3.0, "2026-03-01T08:00:00Z").await;
    world.event("a/1", "login", "2026-02-28T07:00:00Z").await;
    world.run_at("2026-03-02T09:05:00Z").await;
    let site = accounts::site(&world);
    let names = ["Ann Lee", "ann@fjord.example", "Fjord", "Hello", "Call them", "seen enough", "Look", "T-1"];
    let words =
        ["tips", "extra", "people", "quick", "big", "call", "high", "login", "sam", "mia", "active", "champion"];
    let data = [&names[..], &words].concat();
    let account = chinese(&site, "/accounts/a%2F1").await;
    for text in [
        "<title>Fjord",
        "<h2 id=\"timeline\">时间线",
        "<dt>等级</dt><dd>A</dd>",
        "使用情况</h3>",
        "<th scope=\"row\">2026年2月</th><td data-label=\"新建\" class=\"number\">1</td>",
        "2026年2月28日</span>",
        "工单 T-1 已关闭<span class=\"line\">high · Ann Lee</span>",
        "等级：B → A",
        "走完 quick</a> <span class=\"state completed\">已走完</span>",
        "接收生命周期和事务邮件</span><span class=\"line warn\">不接收营销邮件：未同意接收</span>",
        "2026年3月2日 结束：已走完",
        "1 段旅程停在原处，暂停结束前不会进入新的剧本",
        "1 封生命周期邮件正待发出，将不会发出",
    ] {
        account.shows(text);
    }
    has_no_english(&account, &data);

    let why = chinese(&site, "/accounts/a%2F1?why=big").await;
    for text in [
        "Fjord 现在不会进入 big",
        "<span class=\"state done\">成立</span>",
        "<strong>起决定作用</strong>",
        "<dt>MRR</dt><dd>900</dd>",
    ] {
        why.shows(text);
    }
    // Sentences of `explain` stay as they are.
    why.shows("原因：");

    site.post("/accounts/a%2F1/pause", "what=lifecycle").await;
    let paused = chinese(&site, "/accounts/a%2F1?done=paused").await;
    paused.shows("已暂停。在有人恢复之前，下方会显示此暂停及操作人。");
    paused.shows("发给该客户的生命周期邮件已暂停。");
    paused.shows("1 封生命周期邮件可以发出，发出前会逐封复核");
    site.post("/accounts/a%2F1/resume", "what=lifecycle").await;

    let cancel = links(&account, "/accounts/a%2F1/cancel").remove(0);
    for (path, title, text) in [
        ("/accounts", "客户", "显示"),
        (
            "/accounts?tier=A&left=no&date=renewal&since=2026-03-01&until=2026-03-31",
            "客户",
            "仅显示符合以下条件的客户：等级为 A、未流失、于 2026年3月1日 至 2026年3月31日 续约。",
        ),
        ("/accounts/a%2F1/enroll?playbook=tips", "将 Fjord 加入剧本 tips", "无法进入剧本：已在此剧本中（active）。"),
        ("/accounts/a%2F1/enroll?playbook=extra", "将 Fjord 加入剧本 extra", "后续"),
        ("/accounts/a%2F1/enroll?playbook=people", "将 Fjord 加入剧本 people", "此剧本面向联系人，请选择一位："),
        (&cancel, "结束 Fjord 的 ", "1 封待发邮件不再发出"),
        ("/stages", "阶段与等级", "停留天数取已知进入时间的客户的中位数。"),
        ("/kpis", "KPI", "还没有 KPI。"),
    ] {
        let page = chinese(&site, path).await;
        page.shows(&format!("<title>{title}"));
        page.shows(text);
        has_no_english(&page, &[&data[..], &["See them", "More for"]].concat());
    }
}

#[tokio::test]
async fn pages_of_stages_figures_and_reports_are_in_chinese() {
    let world = World::new().await;
    world.playbook(stages::LIFECYCLE);
    world.playbook(stages::TIERS);
    world.playbook(
        "kpi: revenue\nabout: What all pay.\nunit: money\nschedule: \"0 9 1 1 *\"\nvalue: sum_of(account.mrr)\n",
    );
    world.playbook("kpi: liked\nabout: How many like us.\nunit: percent\nschedule: \"0 9 1 1 *\"\nvalue: share_of(account.score(\"nps\") >= 9)\n");
    world.playbook("report: quarter\nabout: What an account got.\nschedule: \"0 6 1 1 *\"\ntitle: What you got\nfigures:\n  - { id: tickets, label: Tickets, value: account.tickets(90), better: down }\n");
    world.playbook("plan: first-month\nabout: x\ngoals:\n  - { id: small, about: Five seats, value: account.seats * 1, target: 5 }\n  - { id: nps, about: Love, value: \"account.score(\\\"nps\\\")\", target: 9, within: 30d }\n");
    world.account("a1", json!({ "tier": null, "mrr": 9000, "seats": 6, "locale": "en" })).await;
    world.run_at("2026-03-01T09:00:00Z").await;
    world.run_at("2026-03-03T09:00:00Z").await;
    let site = accounts::site(&world);
    let data = [
        "A1",
        "sam",
        "onboarding",
        "large one",
        "revenue",
        "What all pay.",
        "liked",
        "How many like us.",
        "first-month",
        "Five seats",
        "Love",
        "What you got",
        "active",
        "enter: account.mrr = 9000",
        "when: account.mrr = 9000",
    ];
    let report = "/accounts/a1/reports/quarter/2026-03-01T09:00:00Z";
    for (path, title, text) in [
        ("/stages?days=7", "阶段与等级", "<li>无 → large one <strong>1</strong></li>"),
        ("/stages?days=7", "阶段与等级", "<a href=\"/stages?days=7\" aria-current=\"true\">7 天</a>"),
        ("/kpis", "KPI", "<td data-label=\"单位\">金额</td>"),
        ("/kpis/revenue", "revenue", "<dt>单位</dt><dd>金额</dd>"),
        (
            "/accounts/a1",
            "A1",
            "Five seats <strong>100 %</strong>\n    <span class=\"line\">已达成（2026年3月1日）；6 / 5</span>",
        ),
        ("/accounts/a1", "A1", "阶段 <strong>large one</strong> <span class=\"quiet\">原为 无</span>"),
        (report, "What you got", "<a href=\"/accounts\">客户</a>"),
    ] {
        let page = chinese(&site, path).await;
        page.shows(&format!("<title>{title}"));
        page.shows(text);
        if path != report {
            has_no_english(&page, &data);
        }
    }
    chinese(&site, "/kpis/liked").await.shows("没有数值：所有客户都没有 `share_of");
}
