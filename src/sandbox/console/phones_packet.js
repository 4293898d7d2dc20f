// The big red card with its golden coin, and the page behind it.

import { path, post, query, get } from "./api.js";
import { h, replace } from "./dom.js";
import { t, yuan } from "./words.js";
import { avatar, bar, icon, shortId, stamp, userAvatar } from "./phones_draw.js";
import { ending, keyOf } from "./phones_chat.js";

/** How long the coin turns at least, in milliseconds. */
const TURN = 900;

const still = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/** Asks the sandbox to open a share for a user. */
const openShare = (packet, openid) => post(`/packets${path(packet.mch_id, packet.mch_billno)}/open`, { openid });

/** The card above the chat. */
export function card(phone, message) {
  const { packet } = message;
  const over = ending(message, phone.data);
  const gone = over !== "" && packet.status === "RECEIVED";
  const words =
    over === ""
      ? packet.wishing
      : gone
        ? t("Better luck next time! No packets are left.", "手慢了，红包派完了")
        : packet.status === "SENT"
          ? t("This user refuses red packets. It goes back after 24 hours.", "该用户拒收红包，24小时后退回")
          : t("This red packet was not opened in time and went back.", "该红包已超过24小时。如已领取，可在“零钱”中查看");
  const coin = h("button", { class: "ph-coin", "aria-label": t("Open", "开"), dataset: { test: "coin" }, on: { click: turn } }, h("span", { class: "ph-coin-face" }, "開"));
  const node = h(
    "div",
    { class: "ph-veil", role: "dialog", "aria-label": t("Red packet", "红包"), dataset: { test: "card" }, on: { click: (event) => event.target === node && phone.uncover() } },
    h(
      "div",
      { class: "ph-card" },
      h("div", { class: "ph-card-top" }, h("p", { class: "ph-card-from" }, avatar(packet.send_name, null, "ph-avatar-small"), h("span", {}, t(`Red Packet from ${packet.send_name}`, `${packet.send_name}发出的红包`))), h("p", { class: `ph-card-words ${over ? "ph-card-over" : ""}` }, words)),
      over === "" ? coin : null,
      gone || packet.group ? h("button", { class: "ph-card-more", dataset: { test: "card-details" }, on: { click: () => phone.show("packet", keyOf(message)) } }, t("View details", "看看大家的手气"), icon("back", "ph-turn")) : null,
    ),
    h("button", { class: "ph-card-close", "aria-label": t("Close", "关闭"), dataset: { test: "card-close" }, on: { click: () => phone.uncover() } }, icon("close")),
  );

  async function turn() {
    coin.disabled = true;
    coin.classList.add("ph-coin-turns");
    const least = new Promise((done) => setTimeout(done, still() ? 0 : TURN));
    const [opened] = await Promise.allSettled([openShare(packet, phone.openid), least]);
    if (opened.status === "rejected") {
      phone.ctx.fail(opened.reason);
      phone.uncover();
      await phone.refresh();
      return;
    }
    await phone.refresh();
    phone.show("packet", keyOf(message), "ph-opens");
  }

  return { node, focus: over === "" ? coin : null };
}

/** Who got what of a packet. */
export function packetPage(phone, key) {
  const head = h("div", { class: "ph-detail-head" });
  const claims = h("div", { class: "ph-claims" });
  const friends = h("div", { class: "ph-friends" });
  let others = null;
  const node = h("div", { class: "ph-page ph-white ph-detail", dataset: { test: "packet-page" } }, h("div", { class: "ph-arc" }), bar("", () => phone.back(), "ph-bar-clear"), h("div", { class: "ph-scroll" }, head, claims, friends));

  function update(data) {
    const message = data.chat.find((message) => keyOf(message) === key);
    if (!message) return phone.back();
    const { packet, mine } = message;
    const over = ending(message, data);
    replace(
      head,
      h("p", { class: "ph-detail-from" }, avatar(packet.send_name, null, "ph-avatar-tiny"), h("span", {}, t(`Red Packet from ${packet.send_name}`, `${packet.send_name}发出的红包`)), packet.group ? h("span", { class: "ph-luck", title: t("Split at random", "金额随机") }, t("L", "拼")) : null),
      h("p", { class: "ph-detail-wishing" }, packet.wishing),
      mine
        ? [h("p", { class: "ph-detail-amount", dataset: { test: "opened-amount" } }, h("b", {}, yuan(mine.amount)), h("span", {}, t(" CNY", "元"))), h("p", { class: "ph-detail-saved" }, t("Saved to Balance. Can be used to send red packets", "已存入零钱，可用于发红包"))]
        : h("p", { class: "ph-detail-over" }, over),
    );
    const most = packet.claims.length === packet.shares.length && packet.claims.length > 1 ? Math.max(...packet.claims.map((claim) => claim.amount)) : null;
    const best = packet.claims.find((claim) => claim.amount === most);
    const got = packet.claims.reduce((sum, claim) => sum + claim.amount, 0);
    replace(
      claims,
      h("p", { class: "ph-claims-sum", dataset: { test: "claims-sum" } }, packet.group ? t(`Opened ${packet.claims.length}/${packet.shares.length}. ${yuan(got)}/${yuan(packet.total_amount)} CNY`, `已领取${packet.claims.length}/${packet.shares.length}个，共${yuan(got)}/${yuan(packet.total_amount)}元`) : packet.claims.length ? t(`1 packet, ${yuan(packet.total_amount)} CNY`, `1个红包共${yuan(packet.total_amount)}元`) : null),
      packet.claims.map((claim) =>
        h("div", { class: "ph-claim", dataset: { test: "claim" } }, userAvatar(claim.openid, "ph-avatar-small"), h("div", { class: "grow" }, h("p", { class: "ph-claim-name" }, shortId(claim.openid)), h("p", { class: "ph-claim-time" }, stamp(claim.at, data.now))), h("div", { class: "ph-claim-sum" }, h("p", {}, t(`${yuan(claim.amount)} CNY`, `${yuan(claim.amount)}元`)), claim === best ? h("p", { class: "ph-best" }, "♛ ", t("Luckiest draw", "手气最佳")) : null)),
      ),
    );
    friends.hidden = !(packet.group && packet.status === "SENT");
    if (!friends.hidden && others === null) {
      others = [];
      offer(packet);
    }
    for (const button of friends.querySelectorAll("[data-openid]")) {
      button.hidden = packet.claims.some((claim) => claim.openid === button.dataset.openid);
    }
  }

  /** Friends who may open a share: users of the same appid, or a new one. */
  async function offer(packet) {
    const users = await get(`/users${query({ limit: 20 })}`).catch(() => []);
    others = users.filter((user) => user.app_id === packet.app_id && user.openid !== phone.openid && !packet.claims.some((claim) => claim.openid === user.openid)).slice(0, 4);
    const give = (openid) => async () => {
      try {
        const { amount } = await openShare(packet, openid);
        phone.ctx.toast(t(`${shortId(openid)} got ${yuan(amount)}`, `${shortId(openid)} 领到 ${yuan(amount)} 元`));
      } catch (error) {
        phone.ctx.fail(error);
      }
      await phone.refresh();
    };
    const stranger = `oFriend${String(Date.now()).slice(-9)}${Math.random().toString(36).slice(2, 8)}`;
    replace(
      friends,
      h("p", {}, t("A friend opens a share", "让好友领一份")),
      h(
        "div",
        { class: "ph-friend-row" },
        others.map((user) => h("button", { class: "ph-friend", title: user.openid, dataset: { openid: user.openid, test: "friend" }, on: { click: give(user.openid) } }, userAvatar(user.openid), h("span", {}, user.openid.slice(-5)))),
        h("button", { class: "ph-friend", title: stranger, dataset: { openid: stranger, test: "friend-new" }, on: { click: give(stranger) } }, h("span", { class: "ph-avatar ph-avatar-new" }, "+"), h("span", {}, t("somebody", "新好友"))),
      ),
    );
  }

  return { node, update };
}
