//! Requests are stored before they are sent: what is read back is the same
//! request, and writes the same fields.

use std::fmt::Debug;

use hongbao::wire::{Request, fields_of};
use serde::de::DeserializeOwned;

use super::{
    app, auth_code, close, full_app, full_h5, full_jsapi, full_micropay, full_native, full_order_query, full_refund,
    full_refund_query, full_report, full_reverse, h5, jsapi, micropay, native, next_refunds, order_query, refund,
    refund_query, report, reverse, short_url,
};

fn survives<R: Request + DeserializeOwned + PartialEq + Debug>(request: &R) {
    let value = serde_json::to_value(request).unwrap();
    let back: R = serde_json::from_value(value.clone()).unwrap_or_else(|error| panic!("{value}: {error}"));
    assert_eq!(&back, request, "{value}");
    let back: R = serde_json::from_str(&serde_json::to_string(request).unwrap()).unwrap();
    assert_eq!(&back, request, "{value}");
    assert_eq!(fields_of(&back).unwrap(), fields_of(request).unwrap());
    // No field of its own making: what is stored are the official names.
    for name in value.as_object().unwrap().keys() {
        assert!(R::CONTRACT.fields.iter().any(|field| field.name == name), "{name}");
    }
}

#[test]
fn stored_requests_are_the_same_requests() {
    for order in [jsapi(), full_jsapi()] {
        survives(&order);
    }
    for order in [native(), full_native()] {
        survives(&order);
    }
    for order in [app(), full_app()] {
        survives(&order);
    }
    let android = hongbao::pay::H5Scene::Android { app_name: "蓝鲸".into(), package_name: "com.example".into() };
    for order in [h5(), full_h5(), hongbao::pay::H5 { scene_info: android, ..h5() }] {
        survives(&order);
    }
    for sale in [micropay(), full_micropay()] {
        survives(&sale);
    }
    for refund in [refund(), full_refund()] {
        survives(&refund);
    }
    survives(&close("T20250318000001"));
    for undone in [reverse(), full_reverse()] {
        survives(&undone);
    }
    survives(&auth_code());
    survives(&short_url());
    for report in [report(), full_report()] {
        survives(&report);
    }
    for question in [order_query(), full_order_query()] {
        survives(&question);
    }
    for question in [refund_query(), next_refunds(), full_refund_query()] {
        survives(&question);
    }
}

/// Stored by hand or by another program, a wrong number is found when it is read.
#[test]
fn stored_numbers_are_checked() {
    for (field, value) in [("out_trade_no", "T1"), ("out_trade_no", "订单000001"), ("openid", ""), ("openid", "a b")]
    {
        let mut stored = serde_json::to_value(jsapi()).unwrap();
        stored[field] = value.into();
        assert!(serde_json::from_value::<hongbao::pay::Jsapi>(stored).is_err(), "{field} {value:?}");
    }
    let mut stored = serde_json::to_value(jsapi()).unwrap();
    stored.as_object_mut().unwrap().remove("openid");
    assert!(serde_json::from_value::<hongbao::pay::Jsapi>(stored).is_err(), "nobody pays");
    let mut stored = serde_json::to_value(refund()).unwrap();
    stored["out_refund_no"] = "R 1".into();
    assert!(serde_json::from_value::<hongbao::pay::Refund>(stored).is_err());
}
